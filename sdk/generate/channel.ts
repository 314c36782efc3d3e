import { Bell } from "../platform/bell.ts";

/**
 * Values on their way from whoever makes them to one reader, in order. The maker never waits; what the reader has not taken
 * yet is kept.
 */
export class Channel<T, Result> {
  readonly #values: T[] = [];
  #end: { readonly result: Result } | { readonly error: unknown } | undefined;
  readonly #news = new Bell();

  push(value: T): void {
    this.#values.push(value);
    this.#news.ring();
  }

  /** No value comes after this; of several ends the first holds. */
  end(result: Result): void {
    this.#end ??= { result };
    this.#news.ring();
  }

  /** As `end`, with an error for the reader. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#news.ring();
  }

  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** All values, then the result or the error. */
  async *read(): AsyncGenerator<T, Result> {
    for (;;) {
      while (this.#values.length > 0) yield this.#values.shift()!;
      if (this.#end) {
        if ("error" in this.#end) throw this.#end.error;
        return this.#end.result;
      }
      await this.#news.wait();
    }
  }
}
