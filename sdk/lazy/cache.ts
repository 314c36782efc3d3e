import { type Backend, KvFormat, type KvLayer, kvLayerBytes } from "../backend/backend.ts";
import { LorisError } from "../errors.ts";
import { densePlan, type LazyPlan, sharesKeys, sharesVisualKeys } from "./plan.ts";
import type { MemoryPlan } from "../memory/plan.ts";

/** What a cache's size depends on. */
export interface CacheShape {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headWidth: number;
}

/** How a cache keeps what it keeps. */
export interface CacheOptions {
  /** Slots, in tokens. */
  readonly contextTokens: number;
  /** None of the layers is lazy, if left out. */
  readonly lazy?: LazyPlan | undefined;
  /** f16, if left out. */
  readonly format?: KvFormat | undefined;
  /** Slots that text can take at most, where lazy layers keep keys of text alone (mode VLA). All, if left out. */
  readonly textTokens?: number | undefined;
  /** Address of u32 [contextTokens, in whole eights] for the index of text; it has a place in the plan, if left out. */
  readonly textSlots?: number | undefined;
}

/** Rows that a cache is to take. */
export interface NewRows {
  readonly rows: number;
  /** 1 for a visual row, 0 for text, one entry a row; all are text, if left out. */
  readonly visual?: ArrayLike<number> | undefined;
  /** Each row's position, which rotary embedding sees, ascending; following the last one's, if left out. */
  readonly positions?: ArrayLike<number> | undefined;
}

/**
 * One conversation's keys and values: a place per layer, made once, and which slots of it are filled. Slots have no
 * gaps; the positions that they stand for may have some, where visual tokens were left out.
 */
export class KvCache {
  readonly layers: readonly KvLayer[];
  /** Slots there is room for. */
  readonly capacity: number;
  /** Slots that text can take: all, but under mode VLA. */
  readonly textCapacity: number;
  /** Address of u32 [textCapacity]: which slots are text, for layers that keep keys of these alone; 0 if there is none. */
  readonly textSlots: number;
  readonly #keptKeys: readonly ("all" | "text" | "none")[];
  readonly #slotBytes: number;
  readonly #visual: Uint8Array;
  readonly #positions: Int32Array;
  #length = 0;
  #textLength = 0;

  constructor(plan: MemoryPlan, shape: CacheShape, options: CacheOptions) {
    const { contextTokens, lazy = densePlan(shape.layers), format = KvFormat.f16 } = options;
    this.capacity = roundUp(contextTokens);
    const { kvHeads: heads, headWidth } = shape;
    const bytes = (slots: number) => kvLayerBytes(heads, headWidth, slots, format);
    const store = (slots: number) => ({
      ...{ keys: plan.reserve("kv cache", bytes(slots)), heads, headWidth, capacity: slots, format },
    });
    this.#keptKeys = Array.from({ length: shape.layers }, (_, layer) => {
      return sharesKeys(lazy, layer) ? "none" : sharesVisualKeys(lazy, layer) ? "text" : "all";
    });
    const keepsText = this.#keptKeys.includes("text");
    this.textCapacity = keepsText
      ? Math.min(this.capacity, roundUp(options.textTokens ?? contextTokens))
      : this.capacity;
    const layers: KvLayer[] = [];
    for (const [layer, kept] of this.#keptKeys.entries()) {
      const all = kept === "all" ? store(this.capacity) : layers[lazy.anchor[layer]!]!;
      const textKeys = kept === "text" ? store(this.textCapacity) : undefined;
      layers.push({ ...all, values: plan.reserve("kv cache", bytes(this.capacity)), textKeys });
    }
    this.layers = layers;
    this.textSlots = keepsText ? options.textSlots ?? plan.reserve("text slots", this.textCapacity * 4) : 0;
    this.#slotBytes = bytes(1);
    this.#visual = new Uint8Array(this.capacity);
    this.#positions = new Int32Array(this.capacity);
  }

  /** Slots that hold keys and values. */
  get length(): number {
    return this.#length;
  }

  /** Those of them that are text. */
  get textLength(): number {
    return this.#textLength;
  }

  /** The position after the last one. */
  get nextPosition(): number {
    return this.#length === 0 ? 0 : this.#positions[this.#length - 1]! + 1;
  }

  /** Text rows that can still be added. */
  get room(): number {
    return Math.min(this.capacity - this.#length, this.textCapacity - this.#textLength);
  }

  /** Bytes of the keys and values that the filled slots have, layer by layer. */
  get usedBytes(): number {
    const keys = { all: this.#length, text: this.#textLength, none: 0 };
    return this.#keptKeys.reduce((slots, kept) => slots + this.#length + keys[kept], 0) * this.#slotBytes;
  }

  /** Bytes of all its slots' keys and values. */
  get bytes(): number {
    const keys = { all: this.capacity, text: this.textCapacity, none: 0 };
    return this.#keptKeys.reduce((slots, kept) => slots + this.capacity + keys[kept], 0) * this.#slotBytes;
  }

  /** What they would be without a lazy layer. */
  get denseBytes(): number {
    return 2 * this.layers.length * this.capacity * this.#slotBytes;
  }

  /** @throws {LorisError} `context_overflow` if there is no room for the rows. */
  check(added: NewRows): void {
    const { rows } = added;
    const texts = countTexts(added);
    if (rows <= this.capacity - this.#length && texts <= this.textCapacity - this.#textLength) return;
    throw new LorisError(
      "context_overflow",
      `${rows} rows (${texts} of text) do not fit: of ${this.capacity} slots ${this.#length} are filled, of ` +
        `${this.textCapacity} for text ${this.#textLength}; load with more contextTokens or textTokens`,
      { param: "contextTokens" },
    );
  }

  /** Counts rows as filled: their keys and values have been stored. @throws {LorisError} as {@link KvCache.check}. */
  append(added: NewRows): void {
    this.check(added);
    const { rows, visual, positions } = added;
    const next = this.nextPosition;
    for (let row = 0; row < rows; row++) {
      this.#visual[this.#length + row] = visual?.[row] ?? 0;
      this.#positions[this.#length + row] = positions?.[row] ?? next + row;
    }
    this.#length += rows;
    this.#textLength += countTexts(added);
  }

  /**
   * Takes over the first slots of another cache of the same shape and plan; what was here is forgotten.
   *
   * @param length Slots, at most those that the other has filled.
   */
  copyFrom(backend: Backend, other: KvCache, length: number): void {
    if (length > other.#length || other.capacity !== this.capacity || other.textCapacity !== this.textCapacity) {
      throw new RangeError(`${length} slots are to be copied from a cache of another size, or with ${other.#length}`);
    }
    this.#visual.set(other.#visual.subarray(0, length));
    this.#positions.set(other.#positions.subarray(0, length));
    this.#length = length;
    this.#textLength = countTexts({ rows: length, visual: this.#visual });
    for (const [index, to] of this.layers.entries()) {
      const from = other.layers[index]!;
      const kept = this.#keptKeys[index]!;
      this.#copyStore(backend, to.values, from.values, to.heads, this.capacity, length);
      if (kept === "all") this.#copyStore(backend, to.keys, from.keys, to.heads, this.capacity, length);
      if (kept === "text") {
        const [keys, others] = [to.textKeys!.keys, from.textKeys!.keys];
        this.#copyStore(backend, keys, others, to.heads, this.textCapacity, this.#textLength);
      }
    }
    if (this.textSlots !== 0) backend.copy(this.textSlots, other.textSlots, this.#textLength * 4);
  }

  /** Of each head the slots in whole groups, as keys lie side by side in them. */
  #copyStore(backend: Backend, to: number, from: number, heads: number, capacity: number, slots: number): void {
    const vectorBytes = this.#slotBytes / heads;
    for (let head = 0; head < heads; head++) {
      const offset = head * capacity * vectorBytes;
      backend.copy(to + offset, from + offset, roundUp(slots) * vectorBytes);
    }
  }

  /** Forgets the slots from `length` on. */
  truncate(length: number): void {
    while (this.#length > length) {
      this.#length--;
      if (this.#visual[this.#length] === 0) this.#textLength--;
    }
  }
}

/** Attention looks at eight slots at a time. */
function roundUp(slots: number): number {
  return Math.ceil(slots / 8) * 8;
}

/** Text rows of some rows, from one of them on. */
export function countTexts({ rows, visual }: NewRows, from = 0): number {
  if (visual === undefined) return rows - from;
  let texts = 0;
  for (let row = from; row < rows; row++) texts += visual[row] ? 0 : 1;
  return texts;
}
