/** A file somewhere: on disk, behind HTTP, in a bucket, in memory. Offsets and lengths are in bytes. */
export interface Source {
  /** For messages: a path, a URL, or whatever names the file to its user. */
  readonly name: string;
  /** Size of the whole file in bytes. */
  size(signal?: AbortSignal): Promise<number>;
  /**
   * Exactly `length` bytes from `offset`.
   *
   * @throws {LorisError} `source_failed` if the range cannot be had in full; the signal's reason if aborted.
   */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** As `read`, into the caller's memory: for sources that can do without memory of their own. */
  readInto?(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void>;
  /**
   * The same bytes in pieces as they arrive, for sources where one long request beats many short ones. A piece holds until the
   * next one is asked for: its memory may be used again.
   */
  stream?(offset: number, length: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/** A file of which it is known when it has become another. */
export interface VersionedSource extends Source {
  /** Differs between files of different bytes under the same name: an etag or a digest. */
  version(signal?: AbortSignal): Promise<string>;
}
