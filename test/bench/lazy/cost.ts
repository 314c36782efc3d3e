/**
 * What a plan should save, by counting. Counted are the multiplications of matrices with rows (8-bit integers in the
 * kernels) and those of attention (f32), apart, for a machine does not do both at one speed; and for a decode step the bytes
 * that it reads. Norms, rotary turns, SwiGLU, rounding to 8 bits and copies are left out: no plan changes the first,
 * third and fourth of them, the others are small.
 */
import { type LazyPlan, sharesKeys } from "../../../sdk/lazy/plan.ts";
import type { LanguageConfig } from "../../../sdk/model/config.ts";

/** What of a decoder's shape the counts depend on. */
export type DecoderShape = Pick<
  LanguageConfig,
  "layers" | "width" | "heads" | "kvHeads" | "headWidth" | "hidden" | "vocabulary"
>;

/** Multiplications. */
export interface Work {
  readonly matrix: number;
  readonly attention: number;
}

/** Multiplications a second that the kernels reach, measured alone. */
export type Speeds = Work;

/** Rows that go through the decoder together, and what they find. */
export interface Chunk {
  /** For each row, whether it is an image token. */
  readonly visual: readonly boolean[];
  /** Slots that are filled before the first row. */
  readonly past: number;
  /** Rows whose hidden states someone reads: all but these only leave keys and values in the last layer. */
  readonly wanted: 0 | 1;
}

/** Whether a lazy block keeps its probabilities of so many rows over so many slots. */
export type Keeps = (rows: number, slots: number) => boolean;

/** Multiplications of one e^x as the kernels compute it: 3 to reduce x, 7 for the polynomial, 1 for 2^n. */
const EXPONENTIAL = 11;

/** A forward pass of one chunk, without logits. */
export function chunkWork(c: DecoderShape, plan: LazyPlan, chunk: Chunk, keeps: Keeps): Work {
  const rows = chunk.visual.length;
  const text = chunk.visual.filter((visual) => !visual).length;
  const [queryWidth, keyWidth] = [c.heads * c.headWidth, c.kvHeads * c.headWidth];
  let [matrix, attention] = [0, 0];
  for (let layer = 0; layer < c.layers; layer++) {
    const wanted = layer === c.layers - 1 ? chunk.wanted : rows;
    const lazy = plan.anchor[layer] !== layer;
    const gla = sharesKeys(plan, layer);
    // a row that is wanted of the last layer is the chunk's last one
    const wantedText = wanted === rows ? text : wanted === 1 && chunk.visual[rows - 1] ? 0 : wanted;
    const queried = gla ? 0 : lazy ? wantedText : wanted;
    const keyed = gla ? 0 : lazy ? text : rows;
    matrix += queried * c.width * queryWidth + keyed * c.width * keyWidth + rows * c.width * keyWidth;
    matrix += wanted * (queryWidth * c.width + 3 * c.width * c.hidden);
    // probabilities are kept for all rows of a chunk or for none
    const reused = gla && wanted === rows && keeps(rows, chunk.past + rows);
    attention += attentionWork(c, rows, chunk.past, wanted, reused);
  }
  return { matrix, attention };
}

/**
 * Multiplications of one layer's attention: for each head and each slot that a row sees a score, its exponential, and a
 * weighted value.
 *
 * @param wanted The last so many of the rows are computed; each sees itself and everything before it.
 * @param reused The probabilities are there already.
 */
export function attentionWork(
  { heads, headWidth }: Pick<DecoderShape, "heads" | "headWidth">,
  rows: number,
  past: number,
  wanted: number,
  reused = false,
): number {
  const first = past + rows - wanted + 1;
  const seen = heads * (wanted * first + wanted * (wanted - 1) / 2);
  return seen * headWidth + (reused ? 0 : seen * (headWidth + EXPONENTIAL));
}

/** Logits of one row: its rounding error goes through the output layer as a second row. */
function logitsWork(c: DecoderShape): Work {
  return { matrix: 2 * c.vocabulary * c.width, attention: 0 };
}

/**
 * A whole prompt, in chunks, and the logits of its last row.
 *
 * @param visual For each position, whether it is an image token.
 * @param chunkRows Rows of a chunk at most.
 */
export function prefillWork(
  c: DecoderShape,
  plan: LazyPlan,
  visual: readonly boolean[],
  chunkRows: number,
  keeps: Keeps,
): Work {
  let work = logitsWork(c);
  for (let past = 0; past < visual.length; past += chunkRows) {
    const chunk = visual.slice(past, past + chunkRows);
    const wanted = past + chunk.length === visual.length ? 1 : 0;
    work = sum(work, chunkWork(c, plan, { visual: chunk, past, wanted }, keeps));
  }
  return work;
}

/** One decode step of one conversation with `slots` filled slots, and its logits. */
export function decodeWork(c: DecoderShape, plan: LazyPlan, slots: number, keeps: Keeps): Work {
  return sum(logitsWork(c), chunkWork(c, plan, { visual: [false], past: slots, wanted: 1 }, keeps));
}

/**
 * Bytes that one decode step reads: every matrix once, the cache's values of every layer, and the keys of every layer that
 * computes scores.
 *
 * @param weightBytes Of all matrices of the decoder that the plan leaves, the output layer's among them.
 * @param elementBytes Of the cache: 2 for f16; for q8, 1 and its share of a vector's scale.
 */
export function decodeBytes(
  c: DecoderShape,
  plan: LazyPlan,
  { weightBytes, slots, elementBytes }: { weightBytes: number; slots: number; elementBytes: number },
): number {
  let stores = 0;
  for (let layer = 0; layer < c.layers; layer++) {
    // the last layer of a GLA block reuses as well: of one row, all rows are wanted
    stores += sharesKeys(plan, layer) ? 1 : 2;
  }
  return weightBytes + stores * slots * c.kvHeads * c.headWidth * elementBytes;
}

/** Milliseconds of some work at the kernels' speeds. */
export function predictedMs(work: Work, speeds: Speeds): number {
  return 1000 * (work.matrix / speeds.matrix + work.attention / speeds.attention);
}

function sum(a: Work, b: Work): Work {
  return { matrix: a.matrix + b.matrix, attention: a.attention + b.attention };
}
