import type { Backend } from "../backend/backend.ts";
import type { KvCache } from "../lazy/cache.ts";
import type { Language } from "./language.ts";
import { Pacer } from "./pacer.ts";
import type { Span } from "./spans.ts";
import type { Vision } from "./vision.ts";

/** A stretch of a prompt: token ids, or one tile of a picture, which becomes `vision.config.tokens` positions. */
export type PromptPiece =
  | { readonly kind: "text"; readonly ids: ArrayLike<number> }
  | { readonly kind: "tile"; readonly rgb: () => Uint8Array | Promise<Uint8Array> };

/** Time spent, in milliseconds. */
export interface PrefillTimes {
  readonly visionMs: number;
  readonly prefillMs: number;
}

/** The whole network: a mixed prompt into a cache, then one token after another. */
export class Vlm {
  readonly backend: Backend;
  readonly language: Language;
  readonly vision: Vision;
  /** Rows of the chunk that is being filled: f32 [language.maxRows, width]. */
  readonly #rows: number;
  /** Image tokens of one tile: f32 [vision.config.tokens, width]. */
  readonly #tile: number;

  /** @param buffers Address of {@link Vlm.bufferBytes} bytes, kept for the object's life. */
  constructor(backend: Backend, language: Language, vision: Vision, buffers: number) {
    this.backend = backend;
    this.language = language;
    this.vision = vision;
    this.#rows = buffers;
    this.#tile = buffers + language.maxRows * language.config.width * 4;
  }

  /** Bytes of the rows in flight. */
  static bufferBytes(maxRows: number, imageTokens: number, width: number): number {
    return (maxRows + imageTokens) * width * 4;
  }

  /**
   * Fills the cache with a prompt.
   *
   * @returns Address of the logits of the prompt's last position (f32 [vocabulary]), valid until the next call.
   */
  async prefill(
    cache: KvCache,
    prompt: Iterable<PromptPiece>,
    signal?: AbortSignal,
  ): Promise<PrefillTimes & { logits: number }> {
    const pacer = new Pacer(signal);
    const { language, vision, backend } = this;
    const rowBytes = language.config.width * 4;
    /** `pictureMs`: waiting for pixels is no part of either time. */
    let [filled, last, visionMs, pictureMs] = [0, 0, 0, 0];
    const started = performance.now();
    const flush = async (wanted: Span["wanted"]) => {
      if (filled === 0) return;
      await language.forward(this.#rows, [{ cache, rows: filled, wanted }], pacer);
      last = this.#rows + (filled - 1) * rowBytes;
      filled = 0;
    };
    const fill = async (count: number, put: (row: number, from: number, n: number) => void) => {
      for (let from = 0; from < count;) {
        if (filled === language.maxRows) await flush("none");
        const n = Math.min(count - from, language.maxRows - filled);
        put(this.#rows + filled * rowBytes, from, n);
        filled += n;
        from += n;
      }
    };
    for (const piece of prompt) {
      if (piece.kind === "text") {
        const ids = Array.from(piece.ids);
        await fill(ids.length, (row, from, n) => language.embed(row, ids.slice(from, from + n)));
      } else {
        const asked = performance.now();
        const rgb = await piece.rgb();
        const before = performance.now();
        pictureMs += before - asked;
        await vision.encode(this.#tile, rgb, pacer);
        visionMs += performance.now() - before;
        await fill(
          vision.config.tokens,
          (row, from, n) => backend.copy(row, this.#tile + from * rowBytes, n * rowBytes),
        );
      }
    }
    await flush("last");
    await pacer.pause();
    const logits = language.logits(last);
    return { logits, visionMs, prefillMs: performance.now() - started - visionMs - pictureMs };
  }

  /** A copy of one tile's image tokens: f32 [vision.config.tokens, width]. */
  async imageTokens(rgb: Uint8Array, signal?: AbortSignal): Promise<Float32Array> {
    await this.vision.encode(this.#tile, rgb, new Pacer(signal));
    return this.backend.floats(this.#tile, this.vision.config.tokens * this.language.config.width).slice();
  }

  /** Adds one token to the cache; returns the address of the logits that follow it. */
  async step(cache: KvCache, id: number, pacer: Pacer): Promise<number> {
    this.language.embed(this.#rows, [id]);
    await this.language.forward(this.#rows, [{ cache, rows: 1, wanted: "last" }], pacer);
    return this.language.logits(this.#rows);
  }
}
