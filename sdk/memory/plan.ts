import type { Region } from "../backend/backend.ts";
import { LorisError } from "../errors.ts";

/** One region of the plan. */
export interface Part {
  /** Such as "weights" or "kv cache". */
  readonly name: string;
  /** Of all its regions together. */
  readonly bytes: number;
}

/**
 * Adds up what a load will need, part by part, before anything is allocated, and gives every part its address.
 * Addresses start at a given base and are aligned to 64 bytes.
 */
export class MemoryPlan {
  readonly #regions: Region[] = [];
  #next: number;
  readonly #base: number;

  constructor(base: number) {
    this.#base = align(base);
    this.#next = this.#base;
  }

  /** Reserves `bytes` under a part's name (several reservations add up); returns the address. */
  reserve(part: string, bytes: number): number {
    const address = this.#next;
    const size = align(bytes);
    this.#next += size;
    this.#regions.push({ name: part, address, bytes: size });
    return address;
  }

  /** Bytes of one part, 0 if it has none. */
  bytes(part: string): number {
    return this.#regions.reduce((sum, region) => region.name === part ? sum + region.bytes : sum, 0);
  }

  /** Bytes from the base to the end. */
  get total(): number {
    return this.#next - this.#base;
  }

  /** First address after everything reserved, aligned. */
  get end(): number {
    return this.#next;
  }

  get parts(): Part[] {
    const names = new Set(this.#regions.map(({ name }) => name));
    return Array.from(names, (name) => ({ name, bytes: this.bytes(name) }));
  }

  /** Every reservation, in the order of addresses. */
  get regions(): readonly Region[] {
    return this.#regions;
  }
}

/** Rounds up to a multiple of 64 bytes: a cache line, and more than any vector access needs. */
export function align(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}

/** `1234567 bytes (1.2 MiB)`, exact and readable. */
export function formatBytes(bytes: number): string {
  return `${bytes} bytes (${(bytes / 2 ** 20).toFixed(1)} MiB)`;
}

export function sumOf(parts: readonly Part[]): number {
  return parts.reduce((total, part) => total + part.bytes, 0);
}

/** What is thrown where parts do not fit a budget: `memory_budget`, with the whole sum. */
export function overBudget(parts: readonly Part[], budget: number, advice: string): LorisError {
  const sum = parts.map((p) => `${p.name} ${p.bytes}`).join(" + ");
  return new LorisError(
    "memory_budget",
    `needed are ${formatBytes(sumOf(parts))}: ${sum}; the memory budget is ${formatBytes(budget)}; ${advice}`,
    { param: "memoryBudget" },
  );
}
