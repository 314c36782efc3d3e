/**
 * The one error type of the SDK. A code is stable and meant for programs; a message is for people and says what was
 * got, what was wanted and what to do.
 */
export type LorisErrorCode =
  /** An argument or option is not of the documented form. */
  | "argument_invalid"
  /** A file is not what its format requires: cut, damaged, inconsistent. */
  | "file_invalid"
  /** A file is well formed but asks for something that is not supported; the message names it. */
  | "file_unsupported"
  /** The text and the vision file do not belong together, or are swapped. */
  | "pair_mismatch"
  /** A source could not be read, or answered with something else than what was asked for. */
  | "source_failed"
  /** The work does not fit the memory budget; the message holds the whole sum. */
  | "memory_budget"
  /** Bytes given as a picture cannot be decoded. */
  | "image_invalid"
  /** The picture's format is recognised and not supported; the message names it. */
  | "image_unsupported"
  /** The picture has more pixels, or needs more memory, than allowed. */
  | "image_too_large"
  /** The prompt and the answer do not fit the context. */
  | "context_overflow"
  /** The GPU that was asked for is not there, or cannot do what is needed; the message says what is missing. */
  | "gpu_unavailable"
  /** The GPU was lost, or refused a command. */
  | "gpu_failed"
  /** The network produced NaN or an infinity. */
  | "non_finite"
  /** The object was used after `close()`. */
  | "closed";

/** Extra facts about a {@link LorisError}. */
export interface LorisErrorOptions {
  /** Name of the option, field or file that is at fault. */
  param?: string;
  /** The error underneath, if any. */
  cause?: unknown;
}

/** A message quotes names out of files, which may be megabytes in a hostile one; real messages stay far below. */
const MAX_MESSAGE_CHARACTERS = 2000;

/** Every error that the SDK throws on purpose; an aborted call throws its signal's reason instead. */
export class LorisError extends Error {
  /** Tells it from other errors where `instanceof` cannot, as between two copies of the package. */
  override readonly name = "LorisError";
  /** Stable, machine-readable code. */
  readonly code: LorisErrorCode;
  /** Name of the option, field or file that is at fault, where one is known. */
  readonly param: string | undefined;

  /** The message says what was got, what was wanted and what to do. */
  constructor(code: LorisErrorCode, message: string, options: LorisErrorOptions = {}) {
    const cut = message.length > MAX_MESSAGE_CHARACTERS ? `${message.slice(0, MAX_MESSAGE_CHARACTERS)}...` : message;
    super(cut, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.param = options.param;
  }
}
