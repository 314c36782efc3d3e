import { LorisError } from "../errors.ts";

/** @throws {LorisError} `source_failed` if the range is not within the file; RangeError if it is no range at all. */
export function checkRange(name: string, offset: number, length: number, size: number): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new RangeError(`${name}: not a range: offset ${offset}, length ${length}`);
  }
  if (offset + length > size) {
    throw new LorisError(
      "source_failed",
      `${name}: wanted were bytes ${offset} to ${offset + length}, the file has ${size}`,
    );
  }
}

/** @throws {LorisError} `source_failed` if a read gave another number of bytes than was asked for. */
export function checkLength(name: string, offset: number, wanted: number, got: number): void {
  if (got === wanted) return;
  throw new LorisError(
    "source_failed",
    `${name}: wanted were ${wanted} bytes from byte ${offset}, ${got} came`,
  );
}

/** @throws {LorisError} `source_failed`, always, with the source's name. */
export function fail(name: string, message: string, cause?: unknown): never {
  throw failure(name, message, cause);
}

/** The error of {@link fail}. */
export function failure(name: string, message: string, cause?: unknown): LorisError {
  return new LorisError("source_failed", `${name}: ${message}`, { param: name, cause });
}
