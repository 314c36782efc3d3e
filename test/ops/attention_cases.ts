/** Cases of attention and of what is read from the probabilities that it leaves; see `cases.ts` for how they are used. */
import { KvFormat, type KvLayer, kvLayerBytes } from "../../sdk/backend/backend.ts";
import { type Case, F32 } from "./case.ts";
import { type Bench, numbers } from "./harness.ts";
import { throughQ8 } from "./kv_q8.ts";

/** f16 storage: 2^-22 / 3 for keys and values each. */
const F16 = 5e-7;
/** 8-bit storage: for keys and values each (largest / rms)^2 / (12 * 127^2), with largest / rms about 2.6 in 64 values. */
const ROUNDING_8_BIT = 1e-4;

interface Sizes {
  readonly rows: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headWidth: number;
  readonly past: number;
  readonly causal: boolean;
  readonly format: KvFormat;
  /** Which slots have keys of the layer's own, as under mode VLA. */
  readonly text?: Arrangement;
}

interface Arrangement {
  readonly name: string;
  isText(slot: number): boolean;
}

const FORMAT_NAME = ["f32", "f16", "q8"];
/** Against keys and values as the store holds them: f16's rounding is in the bound, that of 8 bits in the formula. */
const BOUND = [10 * F32, F16, 10 * F32];

function nameOf({ rows, heads, kvHeads, headWidth, past, causal, format, text }: Sizes): string {
  const kind = `${causal ? "causal" : "full"} ${FORMAT_NAME[format]}`;
  const sizes = `rows ${rows} heads ${heads}/${kvHeads} x ${headWidth}, ${past} before`;
  return text ? `${kind} ${sizes}, ${text.name}` : `${kind} ${sizes}`;
}

const slotsOf = ({ rows, past, causal }: Sizes) => causal ? past + rows : past;

/** Queries [rows, heads, headWidth], keys and values [slots, kvHeads, headWidth]. */
interface Inputs {
  readonly q: ArrayLike<number>;
  readonly k: ArrayLike<number>;
  readonly v: ArrayLike<number>;
}

/** The weights of every row and head, after the softmax, on the slots that the row sees: [rows][heads][seen]. */
function weights({ rows, heads, kvHeads, headWidth, past, causal }: Sizes, { q, k }: Inputs): number[][][] {
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

function attentionOf(sizes: Sizes, inputs: Inputs): Float64Array {
  const { rows, heads, kvHeads, headWidth } = sizes;
  const want = new Float64Array(rows * heads * headWidth);
  for (const [r, row] of weights(sizes, inputs).entries()) {
    for (const [h, head] of row.entries()) {
      const kvHead = Math.floor(h / (heads / kvHeads));
      for (const [t, p] of head.entries()) {
        for (let i = 0; i < headWidth; i++) {
          want[(r * heads + h) * headWidth + i]! += p * inputs.v[(t * kvHeads + kvHead) * headWidth + i]!;
        }
      }
    }
  }
  return want;
}

/** Rows into slots 0 ... in two calls, so that a slot in the middle of eight is written too. */
function inTwo(bench: Bench, x: Float32Array, width: number, put: (at: number, slot: number, rows: number) => void) {
  const rows = x.length / width;
  const cut = Math.min(3, rows);
  for (const [from, to] of [[0, cut], [cut, rows]] as const) {
    put(bench.put(x.subarray(from * width, to * width)), from, to - from);
  }
}

/** A layer's cache, filled, and all else that an attention over it reads. */
class Layer {
  readonly cache: KvLayer;
  readonly textSlots: number;
  readonly texts: number;
  /** As given; `k`: those that count, of each slot. */
  readonly given: Inputs & { readonly q: Float32Array };

  constructor(readonly bench: Bench, readonly sizes: Sizes) {
    const b = bench.backend;
    const { rows, heads, kvHeads, headWidth, format, text } = sizes;
    const [slots, width] = [slotsOf(sizes), kvHeads * headWidth];
    // the encoder has its keys and values where it works
    const arena = sizes.causal || format !== KvFormat.f32 ? "kv cache" : "work";
    const store = (room: number) => {
      const capacity = Math.ceil(room / 8) * 8 + 8;
      const keys = bench.reserve(kvLayerBytes(kvHeads, headWidth, capacity, format), arena);
      return { keys, heads: kvHeads, headWidth, capacity, format };
    };
    const [k, v] = [numbers(16, slots * width), numbers(17, slots * width)];
    this.given = { q: numbers(15, rows * heads * headWidth), k, v };
    const keys = store(slots);
    const values = bench.reserve(kvLayerBytes(kvHeads, headWidth, keys.capacity, format), arena);
    // of the cache's next tokens too, which nobody sees yet
    const textSlots = text ? Array.from({ length: slots + 5 }, (_, slot) => slot).filter(text.isText) : [];
    this.texts = textSlots.length;
    this.textSlots = bench.putWords(textSlots);
    const own = textSlots.filter((slot) => slot < slots);
    const textKeys = text && store(own.length);
    if (textKeys) {
      const packed = Float32Array.from({ length: own.length * width }, (_, i) => {
        return k[own[Math.floor(i / width)]! * width + i % width]!;
      });
      inTwo(bench, packed, width, (at, index, rows) => b.storeKeys(textKeys, at, index, rows));
    }
    // the anchor's keys of text are no business of this layer: none may come through
    const anchors = k.map((x, i) => text?.isText(Math.floor(i / width)) ? NaN : x);
    this.cache = { ...keys, values, textKeys };
    inTwo(bench, anchors, width, (at, slot, rows) => b.storeKeys(this.cache, at, slot, rows));
    inTwo(bench, v, width, (at, slot, rows) => b.storeValues(this.cache, at, slot, rows));
  }

  /** The inputs as the store holds them, but for f16's rounding. */
  get held(): Inputs {
    const { q, k, v } = this.given;
    if (this.sizes.format !== KvFormat.q8) return this.given;
    return {
      q,
      k: throughQ8(k as Float32Array, this.sizes.headWidth),
      v: throughQ8(v as Float32Array, this.sizes.headWidth),
    };
  }

  /** Runs attention; returns the result's address. `probabilities`: 0 or where they are left. */
  attend(probabilities = 0): number {
    const { rows, heads, headWidth, past, causal } = this.sizes;
    const { bench, cache } = this;
    const b = bench.backend;
    const dst = bench.reserve(rows * heads * headWidth * 4);
    const scratch = bench.reserve(b.attentionScratch(slotsOf(this.sizes), headWidth) * 4);
    const q = bench.put(this.given.q);
    const { textSlots, texts } = this;
    b.attention(dst, q, cache, scratch, rows, heads, past, causal, probabilities, false, textSlots, texts);
    return dst;
  }
}

function attention(sizes: Sizes): Case {
  return {
    name: `attention ${nameOf(sizes)}`,
    bound: BOUND[sizes.format]!,
    async run(bench) {
      const layer = new Layer(bench, sizes);
      const want = attentionOf(sizes, layer.held);
      return { got: await bench.get(layer.attend(), want.length), want };
    },
  };
}

/** What 8 bits cost, against keys and values that nobody rounded. */
function rounded(sizes: Sizes): Case {
  return {
    name: `rounding of attention ${nameOf(sizes)}`,
    bound: ROUNDING_8_BIT,
    async run(bench) {
      const layer = new Layer(bench, sizes);
      const want = attentionOf(sizes, layer.given);
      return { got: await bench.get(layer.attend(), want.length), want };
    },
  };
}

/** Onto numbers that are there already, which it must keep. */
function attentionReceived(sizes: Sizes): Case {
  const { rows, heads, kvHeads, past, causal, format } = sizes;
  const slots = slotsOf(sizes);
  return {
    name: `attention_received ${nameOf(sizes)}`,
    bound: BOUND[format]!,
    async run(bench) {
      const b = bench.backend;
      const layer = new Layer(bench, sizes);
      const probabilities = bench.reserve(b.attentionProbabilities(rows, heads, kvHeads, slots) * 4);
      layer.attend(probabilities);
      const before = numbers(31, heads * slots, 1 / slots);
      const dst = bench.put(before);
      b.attentionReceived(dst, probabilities, rows, heads, kvHeads, past, causal);
      const want = Float64Array.from(before);
      for (const row of weights(sizes, layer.held)) {
        for (const [h, head] of row.entries()) {
          for (const [t, p] of head.entries()) want[h * slots + t]! += p;
        }
      }
      return { got: await bench.get(dst, heads * slots), want };
    },
  };
}

const { f32, f16, q8 } = KvFormat;
const nano = { heads: 9, kvHeads: 3, headWidth: 64 };
const whole = { causal: false, format: f32 };
const cached = { causal: true, format: f16 };

const ARRANGEMENTS: readonly Arrangement[] = [
  { name: "text, a picture, text", isText: (slot) => slot < 5 || slot >= 22 },
  // with groups of nothing but text before, between and after
  { name: "text and two pictures", isText: (slot) => slot < 16 || (slot >= 20 && slot < 34) || slot >= 37 },
  { name: "text and pictures in turn", isText: (slot) => slot % 2 === 0 },
  { name: "a picture of one token", isText: (slot) => slot !== 19 },
  { name: "nothing but text", isText: () => true },
  { name: "nothing but pictures", isText: () => false },
];
/** Rows in one tile and in many, rows of text and of pictures, from the middle of eight slots on or from their first. */
const ROWS = [{ rows: 1, past: 45 }, { rows: 1, past: 20 }, { rows: 7, past: 13 }, { rows: 33, past: 0 }];

function textCases(format: KvFormat): Case[] {
  return ARRANGEMENTS.flatMap((text) =>
    ROWS.map((rows) => attention({ ...rows, ...nano, causal: true, format, text }))
  );
}

const apart = ARRANGEMENTS[0]!;

export const ATTENTION_CASES: readonly Case[] = [
  attention({ rows: 1, ...nano, past: 100, ...cached }),
  attention({ rows: 19, ...nano, past: 0, ...cached }),
  attention({ rows: 5, heads: 3, kvHeads: 1, headWidth: 32, past: 30, ...cached }),
  attention({ rows: 1, heads: 4, kvHeads: 4, headWidth: 16, past: 0, causal: true, format: f32 }),
  attention({ rows: 16, heads: 2, kvHeads: 2, headWidth: 32, past: 16, ...whole }),
  attention({ rows: 9, heads: 6, kvHeads: 6, headWidth: 64, past: 53, ...whole }),
  attentionReceived({ rows: 1, ...nano, past: 102, ...cached }),
  attentionReceived({ rows: 1, heads: 4, kvHeads: 4, headWidth: 16, past: 0, ...cached }),
  attentionReceived({ rows: 19, ...nano, past: 6, ...cached }),
  attentionReceived({ rows: 7, heads: 4, kvHeads: 1, headWidth: 32, past: 13, causal: true, format: f32 }),
  attentionReceived({ rows: 9, heads: 6, kvHeads: 6, headWidth: 64, past: 53, ...whole }),
  attentionReceived({ rows: 5, heads: 6, kvHeads: 2, headWidth: 32, past: 16, ...whole }),
  ...[{ rows: 1, past: 100 }, { rows: 19, past: 0 }, { rows: 6, past: 9 }].map((rows) =>
    attention({ ...rows, ...nano, causal: true, format: q8 })
  ),
  attention({ rows: 5, heads: 4, kvHeads: 2, headWidth: 32, past: 21, causal: false, format: q8 }),
  rounded({ rows: 19, ...nano, past: 30, causal: true, format: q8 }),
  attentionReceived({ rows: 7, ...nano, past: 13, causal: true, format: q8 }),
  ...[f32, f16, q8].flatMap(textCases),
  attention({ rows: 3, heads: 4, kvHeads: 1, headWidth: 32, past: 29, causal: false, format: f16, text: apart }),
  attentionReceived({ rows: 9, ...nano, past: 16, causal: true, format: q8, text: apart }),
];
