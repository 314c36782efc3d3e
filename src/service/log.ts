import type { ApiError } from "./errors.ts";

/** What is told of a request. Texts, pictures, keys and addresses of users are never part of it. */
export interface LogEntry {
  /** The answer's `x-request-id`. */
  readonly requestId: string;
  /** Of the request, such as "POST". */
  readonly method: string;
  /** The route's pattern, such as "/v1/models/:id". */
  readonly route: string;
  /** Of the answer's head; what fails later, in a stream, has its own entry with the status that it would have had. */
  readonly status: number;
  /** From the request's arrival. */
  readonly ms: number;
  /** Code of the error object that was sent. */
  readonly code?: string;
  /** What went wrong inside, where the client was told nothing of it. */
  readonly error?: unknown;
}

/** The entry's part about an error; what is under it only where the fault is the service's own. */
export function errorFields(error: ApiError): Pick<LogEntry, "status" | "code" | "error"> {
  const { status, code, cause } = error;
  return { status, code, ...(status >= 500 && cause !== undefined ? { error: cause } : {}) };
}
