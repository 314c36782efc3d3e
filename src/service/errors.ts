import { LorisError, type LorisErrorCode } from "../../sdk/errors.ts";

/** Extra facts about an {@link ApiError}. */
export interface ApiErrorOptions {
  /** The request's field at fault, such as `messages[0].content[1]`. */
  readonly param?: string | undefined;
  /** Sent with the answer, such as `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** What a request is refused with: an HTTP status, and the fields of OpenAI's error object. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly code: string;
  readonly param: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, options: ApiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = status;
    this.code = code;
    this.param = options.param;
    this.headers = options.headers ?? {};
  }

  /** OpenAI's error object. */
  get body(): { error: { message: string; type: string; param: string | null; code: string } } {
    const { message, code, param = null } = this;
    return { error: { message, type: typeOf(this.status), param, code } };
  }
}

/** A client that closes its connection sees no status; nginx's number for it makes such requests countable. */
export const CLIENT_CLOSED = 499;

/** Statuses of the SDK's errors; what is not here is a fault of the service's own, and its message stays inside. */
const KNOWN: Partial<Record<LorisErrorCode, readonly [status: number, code: string]>> = {
  argument_invalid: [400, "invalid_value"],
  context_overflow: [400, "context_length_exceeded"],
  image_invalid: [400, "image_invalid"],
  image_too_large: [413, "image_too_large"],
  image_unsupported: [415, "image_unsupported"],
  closed: [503, "shutting_down"],
};

/** Names of the SDK's options in a request. */
const FIELDS: Readonly<Record<string, string>> = {
  maxTokens: "max_tokens",
  topK: "top_k",
  topP: "top_p",
  minP: "min_p",
  repetitionPenalty: "repetition_penalty",
  topLogprobs: "top_logprobs",
  responseFormat: "response_format",
};

/** Any error as one that can be sent. What is not meant for clients becomes a 500 that says nothing of it. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof LorisError) {
    const { code, message, param } = error;
    const known = KNOWN[code];
    if (known) return new ApiError(...known, message, { param: FIELDS[param ?? ""] ?? param, cause: error });
  }
  if (error instanceof DOMException && error.name === "AbortError") {
    return new ApiError(CLIENT_CLOSED, "client_closed_request", "the client closed the connection", { cause: error });
  }
  return new ApiError(500, "internal_error", "the service failed; its log says why", { cause: error });
}

function typeOf(status: number): string {
  if (status === 401) return "authentication_error";
  if (status === 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}
