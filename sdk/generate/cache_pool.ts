import type { Backend } from "../backend/backend.ts";
import type { KvCache } from "../lazy/cache.ts";
import { allSlots, sharedSlots, type Slot, type SlottedPiece } from "./prefix.ts";

/** A conversation's cache, with what stands in it. */
export class HeldCache {
  readonly cache: KvCache;
  #slots: Slot[] = [];

  constructor(cache: KvCache) {
    this.cache = cache;
  }

  /** Slots that hold what is known. */
  get length(): number {
    return Math.min(this.cache.length, this.#slots.length);
  }

  /** Slots of a prompt that are here already, as {@link sharedSlots} counts them. */
  sharedWith(prompt: readonly SlottedPiece[]): number {
    return sharedSlots(this.#slots.slice(0, this.length), prompt);
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
    this.#slots = [...allSlots(prompt), ...ids].slice(0, this.cache.length);
  }
}

/** A place for a prompt, as {@link CachePool.find} found it. */
export interface Place {
  readonly held: HeldCache;
  /** Where the slots come from that are filled already: `held` itself, or another one that keeps them. */
  readonly source: HeldCache;
  /** How many of the prompt's slots that are. */
  readonly skip: number;
}

/** The caches of all conversations. */
export class CachePool {
  readonly #backend: Backend;
  /** The one used longest ago comes first. */
  readonly #free: HeldCache[];
  readonly #used = new Set<HeldCache>();

  constructor(backend: Backend, caches: readonly KvCache[]) {
    this.#backend = backend;
    this.#free = caches.map((cache) => new HeldCache(cache));
  }

  /**
   * Where a prompt would have the least to compute. A free cache of which it would keep half or more goes on in its place.
   * Another one, free or in use, keeps its conversation, for which the cache used longest ago gets a copy of what both share.
   *
   * @returns undefined if no cache is free.
   */
  find(prompt: readonly SlottedPiece[]): Place | undefined {
    const [oldest] = this.#free;
    if (!oldest) return undefined;
    let best: Place = { held: oldest, source: oldest, skip: oldest.sharedWith(prompt) };
    for (const source of [...this.#free, ...this.#used]) {
      const skip = source.sharedWith(prompt);
      if (skip <= best.skip) continue;
      const goesOn = !this.#used.has(source) && 2 * skip >= source.length;
      best = { held: goesOn ? source : oldest, source, skip };
    }
    return best;
  }

  /** Takes a cache that was found just now, with what it shares in its first slots. */
  take({ held, source, skip }: Place): void {
    if (source === held) held.keep(skip);
    else held.copyFrom(this.#backend, source, skip);
    this.#free.splice(this.#free.indexOf(held), 1);
    this.#used.add(held);
  }

  /** It becomes the one used last. */
  giveBack(held: HeldCache): void {
    this.#used.delete(held);
    this.#free.push(held);
  }
}
