import {
  type Backend,
  Epilogue,
  KvFormat,
  kvLayerBytes,
  type Region,
  WeightFormat,
} from "../../../sdk/backend/backend.ts";

const ROOM = 96 * 2 ** 20;
const FORMAT_NAMES = ["f32", "f16", "q8", "q4", "q4Min"];

/** One operation at one size: what a call computes and moves. */
export interface OperationJob {
  readonly name: string;
  /** Multiplications and additions of a call. */
  readonly flops: number;
  /** Bytes that a call has to read and write once each. */
  readonly bytes: number;
  /** Calls it so many times, and waits once. */
  run(times: number): Promise<void>;
}

/** Sizes of SmolVLM-256M's matrices: results and inputs a row. */
const MATRICES = [[576, 576], [1536, 576], [576, 1536], [49280, 576], [768, 768], [3072, 768], [768, 3072]] as const;

type Add = (name: string, flops: number, bytes: number, call: () => void) => void;

/** What a layer of SmolVLM-256M's decoder is for few rows, besides attention and two products. */
function addJoined(b: Backend, add: Add, weights: number, kv: number, x: number, dst: number): void {
  const format = WeightFormat.q8;
  let next = weights + 1536 * 4;
  const matrix = (columns: number, width = 576) => {
    const address = next;
    next += b.matrixBytes(columns, width, format);
    return { address, format, columns, width };
  };
  const between = { floats: dst, quantized: dst };
  const bytes = kvLayerBytes(3, 64, 2048, KvFormat.f16);
  const cache = { keys: kv, values: kv + bytes, heads: 3, headWidth: 64, capacity: 2048, format: KvFormat.f16 };
  const products = {
    queries: { dst, matrix: matrix(576) },
    keys: { dst: dst + 2 ** 20, matrix: matrix(192) },
    values: { dst: dst + 2 ** 21, matrix: matrix(192) },
  };
  const matrices = { gate: matrix(1536), up: matrix(1536), down: matrix(576, 1536) };
  const places = { input: between, gate: dst + 2 ** 20, up: dst + 2 ** 21 };
  for (const rows of [1, 8]) {
    add(
      `project_and_store q8 ${rows} x 576 -> 576, 192, 192`,
      2 * rows * 576 * 960,
      b.matrixBytes(960, 576, format) + rows * (576 + 960) * 4,
      () => b.projectAndStore(cache, products, x, weights, between, x + 2 ** 20, 0, rows, 1e-5),
    );
    add(
      `gated_linear q8 ${rows} x 576 -> 1536`,
      4 * rows * 576 * 1536,
      2 * b.matrixBytes(1536, 576, format) + rows * (576 + 1536) * 4,
      () => b.gatedLinear(between, matrices, x, weights, places, rows, 1e-5),
    );
  }
}

/** Operations as the networks call them. */
export function operationJobs(b: Backend): OperationJob[] {
  let address = Math.ceil(b.base / 64) * 64;
  const region = (name: string, bytes: number): Region => ({ name, address: (address += bytes) - bytes, bytes });
  const [work, weights, kv] = [region("activations", ROOM), region("weights", ROOM), region("kv cache", ROOM)];
  b.reserve(address, [work, weights, kv]);
  const jobs: OperationJob[] = [];
  const add: Add = (name, flops, bytes, call) => {
    const run = async (times: number) => {
      for (let i = 0; i < times; i++) call();
      await b.read(work.address, 1);
    };
    jobs.push({ name, flops, bytes, run });
  };
  // two halves: what is read, and what is written
  const [x, dst] = [work.address, work.address + ROOM / 2];
  for (const format of [WeightFormat.q4, WeightFormat.q8, WeightFormat.f16]) {
    for (const [columns, width] of MATRICES) {
      const matrix = { address: weights.address, format, columns, width };
      const packed = b.matrixBytes(columns, width, format);
      if (packed > ROOM) continue;
      for (const rows of columns > 10000 ? [1] : [1, 8, 128, 1024]) {
        add(
          `linear ${FORMAT_NAMES[format]} ${rows} x ${width} -> ${columns}`,
          2 * rows * columns * width,
          packed + rows * (columns + width) * 4,
          () => b.linear(dst, x, x, matrix, 0, rows, Epilogue.store),
        );
      }
    }
  }
  const store = (heads: number, capacity: number, format: KvFormat, at: number) => {
    const bytes = kvLayerBytes(heads, 64, capacity, format);
    return { keys: at, values: at + bytes, heads, headWidth: 64, capacity, format, bytes };
  };
  const scratch = dst + ROOM / 4;
  for (const [rows, past] of [[1, 128], [1, 1087], [128, 896]] as const) {
    const cache = store(3, 2048, KvFormat.f16, kv.address);
    const [seen, elements] = [past + rows, rows * 9 * 64];
    add(
      `attention ${rows} x 9/3 heads over ${seen}`,
      4 * elements * seen,
      2 * 3 * seen * 64 * 2 + 2 * elements * 4,
      () => b.attention(dst, x, cache, scratch, rows, 9, past, true),
    );
  }
  const seen = store(12, 1024, KvFormat.f32, x + ROOM / 4);
  for (const rows of [128, 1024]) {
    add(
      `attention ${rows} x 12 heads over 1024 patches`,
      4 * rows * 768 * 1024,
      2 * 12 * 1024 * 64 * 4 + 2 * rows * 768 * 4,
      () => b.attention(dst, x, seen, scratch, rows, 12, 1024, false),
    );
  }
  addJoined(b, add, weights.address, kv.address, x, dst);
  for (const rows of [1, 1024]) {
    const elements = rows * 768;
    add(
      `layer_norm ${rows} x 768`,
      8 * elements,
      8 * elements,
      () => b.layerNorm(dst, x, weights.address, weights.address, rows, 768, 1e-6),
    );
    add(
      `rms_norm ${rows} x 768`,
      4 * elements,
      8 * elements,
      () => b.rmsNorm(dst, x, weights.address, rows, 768, 1e-5),
    );
    add(`swiglu ${rows} x 1536`, 4 * rows * 1536, 12 * rows * 1536, () => b.swiglu(dst, x, x + ROOM / 8, rows * 1536));
    add(`add ${rows} x 768`, elements, 12 * elements, () => b.add(dst, x, elements));
  }
  return jobs;
}
