import type { Region } from "../backend.ts";
import { LorisError } from "../../errors.ts";

/** What a buffer is for: weights are read by operations, caches are read or written, and everything else is work. */
export type SegmentKind = "work" | "weights" | "kv";

/** A buffer that holds regions of the address space. */
export interface Segment {
  readonly kind: SegmentKind;
  readonly buffer: GPUBuffer;
}

/** Where an address lies. */
export interface Place {
  readonly segment: Segment;
  /** Bytes from the buffer's start. */
  readonly offset: number;
}

/** Consecutive addresses that are consecutive in a buffer. */
interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly segment: Segment;
  readonly offset: number;
}

/** What is one buffer, at the least. */
const WHAT: Readonly<Record<SegmentKind, string>> = {
  work: "the work area",
  weights: "a matrix",
  kv: "a layer's cache",
};
const KINDS: Readonly<Record<string, SegmentKind>> = {
  "weights": "weights",
  "vision ring": "weights",
  "kv cache": "kv",
};

/**
 * The backend's flat addresses over GPU buffers. A shader sees a buffer as one binding, and may not see the same buffer
 * twice if it writes to it: so what is written in a step, with everything that it is made of, is one buffer, weights are
 * others, and caches others still, each no larger than a binding can be.
 */
export class Segments {
  readonly #stretches: Stretch[] = [];
  readonly #buffers: GPUBuffer[] = [];

  /**
   * @param maxBytes Weights and caches are in buffers of at most so many bytes, or alone in one.
   * @throws {LorisError} `memory_budget` if what must be one buffer is larger than the device allows.
   */
  constructor(device: GPUDevice, regions: readonly Region[], maxBytes: number) {
    const kinds = regions.map(({ name }) => KINDS[name] ?? "work");
    for (const kind of ["work", "weights", "kv"] as const) {
      const own = regions.filter((_, i) => kinds[i] === kind);
      const groups = kind === "work" ? [own] : inGroups(own, maxBytes);
      for (const group of groups) this.#add(device, kind, group);
    }
    this.#stretches.sort((a, b) => a.start - b.start);
  }

  /** Bytes of all buffers. */
  get bytes(): number {
    return this.#buffers.reduce((sum, { size }) => sum + size, 0);
  }

  /** @throws {RangeError} for an address in no region. */
  at(address: number): Place {
    let [low, high] = [0, this.#stretches.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#stretches[middle]!.end <= address) low = middle + 1;
      else high = middle;
    }
    const found = this.#stretches[low];
    if (!found || address < found.start) throw new RangeError(`nothing lies at the address ${address}`);
    return { segment: found.segment, offset: found.offset + address - found.start };
  }

  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }

  #add(device: GPUDevice, kind: SegmentKind, regions: readonly Region[]): void {
    const size = regions.reduce((sum, { bytes }) => sum + bytes, 0);
    if (size === 0) return;
    const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
    // a matrix that is too large for a binding is read through windows
    const most = kind === "weights" ? maxBufferSize : Math.min(maxStorageBufferBindingSize, maxBufferSize);
    if (size > most) {
      const message =
        `${WHAT[kind]} takes ${size} bytes, a buffer of this GPU can have ${most}; lower contextTokens or ` +
        `conversations, or use backend: "wasm"`;
      throw new LorisError("memory_budget", message, { param: "backend" });
    }
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const segment = { kind, buffer: device.createBuffer({ label: kind, size, usage }) };
    this.#buffers.push(segment.buffer);
    let offset = 0;
    for (const { address, bytes } of regions) {
      const last = this.#stretches.at(-1);
      if (last && last.segment === segment && last.end === address) {
        this.#stretches[this.#stretches.length - 1] = { ...last, end: address + bytes };
      } else this.#stretches.push({ start: address, end: address + bytes, segment, offset });
      offset += bytes;
    }
  }
}

/** Regions one after another, as many as fit into so many bytes, at least one. */
function inGroups(regions: readonly Region[], maxBytes: number): Region[][] {
  const groups: Region[][] = [];
  let bytes = Infinity;
  for (const region of regions) {
    if (bytes + region.bytes > maxBytes) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(region);
    bytes += region.bytes;
  }
  return groups;
}
