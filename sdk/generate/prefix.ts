import type { Backend } from "../backend/backend.ts";
import type { KvCache } from "../lazy/cache.ts";
import type { PromptPiece } from "../model/vlm.ts";

/** What stands in a slot: a token's id, or which image token of which tile. */
export type Slot = number | string;

/** A piece with the slots that it takes; a tile without a key is like no other. */
export interface SlottedPiece {
  readonly slots: readonly Slot[];
  /** False for a tile, which is computed whole or not at all. */
  readonly divisible: boolean;
}

/** What a prompt puts into a cache, slot by slot. @param tokensPerTile Image tokens of a tile that go to the decoder. */
export function slotsOf(prompt: readonly PromptPiece[], tokensPerTile: number): SlottedPiece[] {
  return prompt.map((piece) => {
    if (piece.kind === "text") return { slots: Array.from(piece.ids), divisible: true };
    const key = piece.kind === "tile" && piece.key !== undefined ? piece.key : crypto.randomUUID();
    return { slots: Array.from({ length: tokensPerTile }, (_, i) => `${key} ${i}`), divisible: false };
  });
}

/** A conversation's cache, with what stands in it. */
export class HeldCache {
  readonly cache: KvCache;
  #slots: Slot[] = [];

  constructor(cache: KvCache) {
    this.cache = cache;
  }

  /**
   * Slots of a prompt that are here already, from its first on. At least one is left to be computed, for its logits, and
   * of a tile all or none is here.
   */
  sharedWith(prompt: readonly SlottedPiece[]): number {
    const all = prompt.flatMap(({ slots }) => slots);
    const most = Math.min(this.cache.length, this.#slots.length, all.length - 1);
    let equal = 0;
    while (equal < most && this.#slots[equal] === all[equal]) equal++;
    let start = 0;
    for (const { slots, divisible } of prompt) {
      if (!divisible && equal > start && equal < start + slots.length) return start;
      start += slots.length;
    }
    return equal;
  }

  /** Keeps the first slots and forgets the others. */
  keep(length: number): void {
    this.cache.truncate(length);
    this.#slots.length = Math.min(length, this.#slots.length);
  }

  /** Takes over the first slots of another one, which keeps them. */
  copyFrom(backend: Backend, other: HeldCache, length: number): void {
    this.cache.copyFrom(backend, other.cache, length);
    this.#slots = other.#slots.slice(0, length);
  }

  /** Says what the slots hold that the cache has filled. @param prompt From the first slot on; `ids` come after it. */
  describe(prompt: readonly SlottedPiece[], ids: readonly number[]): void {
    this.#slots = [...prompt.flatMap(({ slots }) => slots), ...ids].slice(0, this.cache.length);
  }
}
