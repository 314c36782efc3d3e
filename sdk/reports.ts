/** What a loaded model says of its memory. */
import type { KvCache } from "./lazy/cache.ts";
import { isDense, lazyLayers, type LazyMode } from "./lazy/plan.ts";
import type { Assembled } from "./model/assemble.ts";

/** Bytes in use, from the memories themselves and the static plan. */
export interface MemoryReport {
  /** Size of the model's memory and of the picture decoder's largest. */
  readonly peakBytes: number;
  /** With the ring through which streamed layers go. */
  readonly weightsBytes: number;
  /** KV caches of all conversations. */
  readonly kvBytes: number;
  /** Queries that anchors leave for their lazy layers; 0 if no layer is lazy. */
  readonly qCacheBytes: number;
  /** Work area of the forward passes. */
  readonly activationBytes: number;
}

/** What the lazy plan does to the KV caches of all conversations. */
export interface LazyReport {
  /** "off" if no layer is lazy. */
  readonly mode: LazyMode | "off";
  /** Of the decoder. */
  readonly layers: number;
  /** How many of them inherit queries and keys. */
  readonly lazyLayers: number;
  /** What the caches take. */
  readonly kvBytes: number;
  /** What the same caches would take without a lazy layer. */
  readonly denseKvBytes: number;
}

/** @param peakBytes Of the model's memory and the picture decoder's. */
export function memoryReport({ parts }: Assembled, peakBytes: number): MemoryReport {
  const bytes = (name: string) => parts.find((part) => part.name === name)?.bytes ?? 0;
  return {
    peakBytes,
    weightsBytes: bytes("weights") + bytes("vision ring"),
    kvBytes: bytes("kv cache"),
    qCacheBytes: bytes("q cache"),
    activationBytes: bytes("activations"),
  };
}

/** What the plan of a model saves. */
export function lazyReport({ caches, lazy }: Assembled): LazyReport {
  const total = (of: (cache: KvCache) => number) => caches.reduce((sum, cache) => sum + of(cache), 0);
  return {
    mode: isDense(lazy) ? "off" : lazy.mode,
    layers: lazy.anchor.length,
    lazyLayers: lazyLayers(lazy).length,
    kvBytes: total(({ bytes }) => bytes),
    denseKvBytes: total(({ denseBytes }) => denseBytes),
  };
}
