/** Cases of attention and of what is read from the probabilities that it leaves; see `cases.ts` for how they are used. */
import { KvFormat, type KvLayer, kvLayerBytes } from "../../sdk/backend/backend.ts";
import { type Case, F32 } from "./case.ts";
import { type Bench, numbers } from "./harness.ts";

/** f16 storage: 2^-22 / 3 for keys and values each. */
const F16 = 5e-7;

interface Sizes {
  readonly rows: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headWidth: number;
  readonly past: number;
  readonly causal: boolean;
  readonly format: KvFormat;
}

const FORMAT_NAME = ["f32", "f16"];
const BOUND = [10 * F32, F16];

function nameOf({ rows, heads, kvHeads, headWidth, past, causal, format }: Sizes): string {
  const kind = `${causal ? "causal" : "full"} ${FORMAT_NAME[format]}`;
  return `${kind} rows ${rows} heads ${heads}/${kvHeads} x ${headWidth}, ${past} before`;
}

const slotsOf = ({ rows, past, causal }: Sizes) => causal ? past + rows : past;

/** Seeded queries [rows, heads, headWidth], keys and values [slots, kvHeads, headWidth]. */
function inputs(sizes: Sizes) {
  const { rows, heads, kvHeads, headWidth } = sizes;
  const kvElements = slotsOf(sizes) * kvHeads * headWidth;
  return { q: numbers(15, rows * heads * headWidth), k: numbers(16, kvElements), v: numbers(17, kvElements) };
}

/** The weights of every row and head, after the softmax, on the slots that the row sees: [rows][heads][seen]. */
function weights({ rows, heads, kvHeads, headWidth, past, causal }: Sizes, q: Float32Array, k: Float32Array) {
  const ofHead = (r: number, h: number) => {
    const kvHead = Math.floor(h / (heads / kvHeads));
    const scores = Array.from({ length: causal ? past + r + 1 : past }, (_, t) => {
      let sum = 0;
      for (let i = 0; i < headWidth; i++) {
        sum += q[(r * heads + h) * headWidth + i]! * k[(t * kvHeads + kvHead) * headWidth + i]!;
      }
      return sum / Math.sqrt(headWidth);
    });
    const max = Math.max(...scores);
    const total = scores.reduce((s, x) => s + Math.exp(x - max), 0);
    return scores.map((score) => Math.exp(score - max) / total);
  };
  return Array.from({ length: rows }, (_, r) => Array.from({ length: heads }, (_, h) => ofHead(r, h)));
}

/** A layer's cache with these keys and values, written in two calls, so that a slot in the middle of eight is written too. */
function filled(bench: Bench, sizes: Sizes, k: Float32Array, v: Float32Array): KvLayer {
  const b = bench.backend;
  const { kvHeads, headWidth, format } = sizes;
  const [slots, width] = [slotsOf(sizes), kvHeads * headWidth];
  const capacity = Math.ceil(slots / 8) * 8 + 8;
  const bytes = kvLayerBytes(kvHeads, headWidth, capacity, format);
  const cache = {
    ...{ keys: bench.reserve(bytes), values: bench.reserve(bytes), heads: kvHeads, headWidth, capacity, format },
  };
  const cut = Math.min(3, slots);
  for (const [from, to] of [[0, cut], [cut, slots]] as const) {
    b.storeKeys(cache, bench.put(k.subarray(from * width, to * width)), from, to - from);
    b.storeValues(cache, bench.put(v.subarray(from * width, to * width)), from, to - from);
  }
  return cache;
}

function attention(sizes: Sizes): Case {
  const { rows, heads, kvHeads, headWidth, past, causal, format } = sizes;
  return {
    name: `attention ${nameOf(sizes)}`,
    bound: BOUND[format]!,
    run(bench) {
      const b = bench.backend;
      const { q, k, v } = inputs(sizes);
      const cache = filled(bench, sizes, k, v);
      const dst = bench.reserve(rows * heads * headWidth * 4);
      const scratch = bench.reserve(b.attentionScratch(slotsOf(sizes), headWidth) * 4);
      b.attention(dst, bench.put(q), cache, scratch, rows, heads, past, causal);
      const want = new Float64Array(rows * heads * headWidth);
      for (const [r, row] of weights(sizes, q, k).entries()) {
        for (const [h, head] of row.entries()) {
          const kvHead = Math.floor(h / (heads / kvHeads));
          for (const [t, p] of head.entries()) {
            for (let i = 0; i < headWidth; i++) {
              want[(r * heads + h) * headWidth + i]! += p * v[(t * kvHeads + kvHead) * headWidth + i]!;
            }
          }
        }
      }
      return { got: bench.get(dst, rows * heads * headWidth), want };
    },
  };
}

/** Onto numbers that are there already, which it must keep. */
function attentionReceived(sizes: Sizes): Case {
  const { rows, heads, kvHeads, headWidth, past, causal, format } = sizes;
  const slots = slotsOf(sizes);
  return {
    name: `attention_received ${nameOf(sizes)}`,
    bound: BOUND[format]!,
    run(bench) {
      const b = bench.backend;
      const { q, k, v } = inputs(sizes);
      const cache = filled(bench, sizes, k, v);
      const [out, scratch] = [rows * heads * headWidth, b.attentionScratch(slots, headWidth)].map((elements) =>
        bench.reserve(elements * 4)
      ) as [number, number];
      const probabilities = bench.reserve(b.attentionProbabilities(rows, heads, kvHeads, slots) * 4);
      b.attention(out, bench.put(q), cache, scratch, rows, heads, past, causal, probabilities);
      const before = numbers(31, heads * slots, 1 / slots);
      const dst = bench.put(before);
      b.attentionReceived(dst, probabilities, rows, heads, kvHeads, past, causal);
      const want = Float64Array.from(before);
      for (const row of weights(sizes, q, k)) {
        for (const [h, head] of row.entries()) {
          for (const [t, p] of head.entries()) want[h * slots + t]! += p;
        }
      }
      return { got: bench.get(dst, heads * slots), want };
    },
  };
}

const whole = { causal: false, format: KvFormat.f32 };
const cached = { causal: true, format: KvFormat.f16 };

export const ATTENTION_CASES: readonly Case[] = [
  attention({ rows: 1, heads: 9, kvHeads: 3, headWidth: 64, past: 100, ...cached }),
  attention({ rows: 19, heads: 9, kvHeads: 3, headWidth: 64, past: 0, ...cached }),
  attention({ rows: 5, heads: 3, kvHeads: 1, headWidth: 32, past: 30, ...cached }),
  attention({ rows: 1, heads: 4, kvHeads: 4, headWidth: 16, past: 0, causal: true, format: KvFormat.f32 }),
  attention({ rows: 16, heads: 2, kvHeads: 2, headWidth: 32, past: 16, ...whole }),
  attention({ rows: 9, heads: 6, kvHeads: 6, headWidth: 64, past: 53, ...whole }),
  attentionReceived({ rows: 1, heads: 9, kvHeads: 3, headWidth: 64, past: 102, ...cached }),
  attentionReceived({ rows: 1, heads: 4, kvHeads: 4, headWidth: 16, past: 0, ...cached }),
  attentionReceived({ rows: 19, heads: 9, kvHeads: 3, headWidth: 64, past: 6, ...cached }),
  attentionReceived({ rows: 7, heads: 4, kvHeads: 1, headWidth: 32, past: 13, causal: true, format: KvFormat.f32 }),
  attentionReceived({ rows: 9, heads: 6, kvHeads: 6, headWidth: 64, past: 53, ...whole }),
  attentionReceived({ rows: 5, heads: 6, kvHeads: 2, headWidth: 32, past: 16, ...whole }),
];
