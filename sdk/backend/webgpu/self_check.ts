import { type Backend, Epilogue, KvFormat, kvLayerBytes, WeightFormat } from "../backend.ts";
import { LorisError } from "../../errors.ts";
import { MemoryPlan } from "../../memory/plan.ts";

const [ROWS, COLUMNS, WIDTH] = [3, 40, 96];
const [SLOTS, HEADS, KV_HEADS, HEAD_WIDTH] = [24, 4, 2, 32];
/** Of the squared differences beside the squares: 8-bit activations on one side, and some more for other orders of sums. */
const PRODUCT_BOUND = 1e-3;
/** Keys and values in 16 bits on both sides. */
const ATTENTION_BOUND = 1e-6;

/**
 * Computes one matrix product and one attention on both.
 *
 * @throws {LorisError} `gpu_failed` if they come out otherwise on the GPU; what reading a result throws.
 */
export async function checkAgainst(cpu: Backend, gpu: Backend): Promise<void> {
  const [want, got] = [await compute(cpu), await compute(gpu)];
  for (
    const [what, bound, a, b] of [
      ["matrix product", PRODUCT_BOUND, want.product, got.product],
      ["attention", ATTENTION_BOUND, want.attended, got.attended],
    ] as const
  ) {
    const off = difference(b, a);
    if (off <= bound) continue;
    const message = `the GPU computes a ${what} that differs by ${off.toExponential(1)} from the CPU's, allowed are ` +
      `${bound}; its driver is broken: use backend: "wasm"`;
    throw new LorisError("gpu_failed", message, { param: "backend" });
  }
}

/** The same on any backend, whose memory it reserves. */
async function compute(b: Backend): Promise<{ product: Float32Array; attended: Float32Array }> {
  const plan = new MemoryPlan(b.base);
  const format = WeightFormat.q4;
  const kvBytes = kvLayerBytes(KV_HEADS, HEAD_WIDTH, SLOTS, KvFormat.f16);
  const matrixAt = plan.reserve("weights", b.matrixBytes(COLUMNS, WIDTH, format));
  const [keys, values] = [plan.reserve("kv cache", kvBytes), plan.reserve("kv cache", kvBytes)];
  const floats = (elements: number) => plan.reserve("activations", elements * 4);
  const [x, product, kv] = [floats(ROWS * WIDTH), floats(ROWS * COLUMNS), floats(SLOTS * KV_HEADS * HEAD_WIDTH)];
  const records = plan.reserve("activations", ROWS * b.activationRowBytes(WIDTH));
  const [q, attended] = [floats(ROWS * HEADS * HEAD_WIDTH), floats(ROWS * HEADS * HEAD_WIDTH)];
  const scratch = floats(b.attentionScratch(SLOTS, HEAD_WIDTH));
  const loadBytes = COLUMNS * WIDTH * 4 + b.packScratch(WIDTH) * 4;
  const planned = plan.reserve("activations", loadBytes);
  b.reserve(plan.end, plan.regions);

  const load = b.loadScratch(planned, loadBytes);
  b.bytes(load, COLUMNS * WIDTH * 4).set(new Uint8Array(waves(COLUMNS * WIDTH, 1).buffer));
  b.pack(matrixAt, load, COLUMNS, WIDTH, WIDTH * 4, 0, format, load + COLUMNS * WIDTH * 4);
  b.write(x, waves(ROWS * WIDTH, 2));
  b.quantize(records, x, ROWS, WIDTH);
  const matrix = { address: matrixAt, format, columns: COLUMNS, width: WIDTH };
  b.linear(product, x, records, matrix, 0, ROWS, Epilogue.store);

  const cache = { keys, values, heads: KV_HEADS, headWidth: HEAD_WIDTH, capacity: SLOTS, format: KvFormat.f16 };
  b.write(kv, waves(SLOTS * KV_HEADS * HEAD_WIDTH, 3));
  b.storeKeys(cache, kv, 0, SLOTS);
  b.storeValues(cache, kv, 0, SLOTS);
  b.write(q, waves(ROWS * HEADS * HEAD_WIDTH, 4));
  b.attention(attended, q, cache, scratch, ROWS, HEADS, SLOTS - ROWS, true);
  const results = await Promise.all([b.read(product, ROWS * COLUMNS), b.read(attended, ROWS * HEADS * HEAD_WIDTH)]);
  return { product: results[0], attended: results[1] };
}

/** Numbers from -1 to 1 without a pattern that a mistake could hide in. */
function waves(count: number, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i * i * 0.37 + seed * 1.7 + i));
}

/** Sum of squared differences over sum of squares; infinite if anything is no number. */
function difference(got: Float32Array, want: Float32Array): number {
  let [off, power] = [0, 0];
  for (const [i, value] of want.entries()) {
    off += (got[i]! - value) ** 2;
    power += value ** 2;
  }
  return Number.isFinite(off) ? off / power : Infinity;
}
