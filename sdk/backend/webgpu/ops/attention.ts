import type { KvLayer } from "../../backend.ts";
import type { DeviceMemory } from "../memory.ts";
import { type Operation, operation } from "../operation.ts";
import { KV_CONSTANTS, kvConstants } from "./kv_shape.ts";

/** Slots that a workgroup does, `PART` in the shaders. */
const PART = 256;
/** Rows up to which a workgroup does one head of one row, with all its lanes. */
const FEW_ROWS = 16;
/** Heads of rows whose parts are held at once: 512 rows of 12 heads, and more than one row of any model has. */
const MAX_VECTORS = 6144;
/** Values that a part has beside those of the head: its largest score and its sum, and two for alignment. */
const STATS = 4;

/** Sums over lanes, within subgroups or not. */
const SUMS = { SUBGROUPS: [false, true] } as const;

const inParts = (name: "attention" | "attention_few", constants: Operation["constants"]) =>
  operation(name, ["write", "read", "read", "read"], {
    ...{ dst: "u32", q: "u32", keys: "u32", values: "u32", scratch: "u32" },
    ...{ rows: "u32", heads: "u32", kvHeads: "u32", capacity: "u32", past: "u32", causal: "u32" },
    ...{ probabilities: "u32", reuse: "u32", textKeys: "u32", textCapacity: "u32", textSlots: "u32", texts: "u32" },
    ...{ keep: "u32", stride: "u32", parts: "u32", whole: "u32" },
  }, constants);
const ATTENTION = inParts("attention", KV_CONSTANTS);
/** The same for few rows. */
const ATTENTION_FEW = inParts("attention_few", { ...KV_CONSTANTS, ...SUMS });
const ATTENTION_MERGE = operation("attention_merge", ["write"], {
  ...{ dst: "u32", scratch: "u32", width: "u32", heads: "u32", past: "u32", causal: "u32" },
  ...{ probabilities: "u32", keep: "u32", stride: "u32", parts: "u32" },
}, SUMS);

export const OPERATIONS = [ATTENTION, ATTENTION_FEW, ATTENTION_MERGE];

/** See `Backend.attentionProbabilities`: f32 [rows][heads][strideOf(positions)]. */
export function attentionProbabilities(rows: number, heads: number, positions: number): number {
  return rows * heads * strideOf(positions);
}

/** Weights kept of a row's head: four slots are read at a time. */
export function strideOf(slots: number): number {
  return Math.ceil(slots / 4) * 4;
}

/** See `Backend.attentionScratch`. */
export function attentionScratch(positions: number, headWidth: number): number {
  return Math.ceil(positions / PART) * MAX_VECTORS * (headWidth + STATS);
}

/** See `Backend.attention`. @throws {LorisError} `file_unsupported` if heads are too wide. */
export function attention(
  m: DeviceMemory,
  dst: number,
  q: number,
  cache: KvLayer,
  scratch: number,
  rows: number,
  heads: number,
  past: number,
  causal: boolean,
  probabilities: number,
  reuse: boolean,
  textSlots: number,
  texts: number,
): void {
  const { heads: kvHeads, headWidth, capacity, format, textKeys } = cache;
  const [to, from, parted] = [m.operand(dst), m.operand(q), m.operand(scratch)];
  const [keys, values] = [m.operand(cache.keys), m.operand(cache.values)];
  const text = texts > 0 ? textKeys : undefined;
  const ofText = text && m.operand(text.keys);
  const far = keys.segment !== to.segment;
  if (far !== (values.segment !== to.segment) || (text && !far)) {
    throw new RangeError("keys and values must lie in the work area, both and without keys of text, or in a cache");
  }
  const slots = causal ? past + rows : past;
  const [stride, parts] = [strideOf(slots), Math.ceil(slots / PART)];
  const keep = probabilities !== 0 && !reuse;
  const merged = parts > 1 || keep;
  const common = {
    ...{ keys: keys.word, values: values.word, scratch: parted.word, heads, kvHeads, capacity },
    ...{ causal: Number(causal), reuse: Number(reuse), textKeys: 0, textCapacity: 0, textSlots: 0, texts: 0 },
    ...text && ofText &&
      { textKeys: ofText.word, textCapacity: text.capacity, textSlots: m.operand(textSlots).word, texts },
    ...{ keep: Number(keep), stride, parts, whole: Number(!merged) },
  };
  const weights = probabilities === 0 ? 0 : m.operand(probabilities).word;
  const stores = far ? [keys.binding, values.binding, ofText?.binding ?? m.nothing] : [m.nothing, m.nothing, m.nothing];
  const bindings = [to.binding, ...stores];
  const sums = { SUBGROUPS: m.variants.subgroups };
  const constants = kvConstants(headWidth, format, far);
  const step = merged ? Math.floor(MAX_VECTORS / heads) : rows;
  for (let row = 0; row < rows; row += step) {
    const n = Math.min(step, rows - row);
    const params = {
      ...common,
      ...{ dst: to.word + row * heads * headWidth, q: from.word + row * heads * headWidth, rows: n },
      ...{ past: causal ? past + row : past, probabilities: weights + row * heads * stride },
    };
    if (rows <= FEW_ROWS) m.run(ATTENTION_FEW, { ...constants, ...sums }, bindings, params, [parts, n * heads]);
    else {
      const tiles = Math.ceil(n * (heads / kvHeads) / vectorsOf(headWidth));
      m.run(ATTENTION, constants, bindings, params, [tiles, kvHeads, parts]);
    }
    if (merged) m.run(ATTENTION_MERGE, sums, [to.binding], { ...params, width: headWidth }, [n * heads]);
  }
}

/** Query vectors that a workgroup does together, `VECTORS` in the shader. */
function vectorsOf(headWidth: number): number {
  if (headWidth <= 64) return 32;
  return headWidth <= 96 ? 16 : 8;
}
