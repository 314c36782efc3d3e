import { free } from "../platform/free.ts";

/** Bytes that are taken from the runtime at once, where it can wait for so many. */
const PIECE_BYTES = 1 << 18;
/** The same for what comes after a body's end, which is nothing as a rule. */
const AFTER_BYTES = 1 << 12;

/** workerd's reader: fills a view up to a number of bytes, unless the stream ends before. */
interface FillingReader extends ReadableStreamBYOBReader {
  readAtLeast?(bytes: number, view: Uint8Array<ArrayBuffer>): Promise<ReadableStreamReadResult<Uint8Array>>;
}

/**
 * A body piece by piece, all in one memory where the runtime can fill it: a large file would else leave as much memory behind
 * as it has bytes, until the engine collects it. A piece holds until the next one is asked for.
 *
 * @param length Of the whole body, as far as it is known: no more memory is taken than that.
 * @param signal Cancels the body, which then just ends.
 */
export async function* bodyPieces(
  body: ReadableStream<Uint8Array>,
  length: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const filling = fillingReader(body);
  const reader = filling ?? body.getReader();
  let memory = new ArrayBuffer(filling ? Math.max(1, Math.min(length, PIECE_BYTES)) : 0);
  let got = 0;
  const abort = () => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", abort, { once: true });
  try {
    for (;;) {
      if (filling && got >= length && memory.byteLength > AFTER_BYTES) {
        // not every runtime gives back at a body's end what it was to fill
        free(new Uint8Array(memory));
        memory = new ArrayBuffer(AFTER_BYTES);
      }
      const view = new Uint8Array(memory);
      const { done, value } = filling
        ? await (filling.readAtLeast?.(view.length, view) ?? filling.read(view))
        : await (reader as ReadableStreamDefaultReader<Uint8Array>).read();
      if (filling && value) memory = value.buffer as ArrayBuffer;
      if (done) return;
      got += value.length;
      yield value;
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    // a reader that is left must not leave the connection open
    await reader.cancel().catch(() => {});
    free(new Uint8Array(memory));
  }
}

/** Undefined for a stream that fills no memory of its reader's: those made in JavaScript mostly do not. */
function fillingReader(body: ReadableStream<Uint8Array>): FillingReader | undefined {
  try {
    return body.getReader({ mode: "byob" });
  } catch {
    return undefined;
  }
}
