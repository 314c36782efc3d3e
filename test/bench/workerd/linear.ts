import { type Matrix, WeightFormat } from "../../../sdk/backend/backend.ts";
import { WasmBackend } from "../../../sdk/backend/wasm/backend.ts";
import type { KernelBuild } from "../../../sdk/backend/wasm/build.ts";

/** ViT-B's first feed-forward matrix. */
const [COLUMNS, WIDTH] = [3072, 768];

/** Milliseconds and operations of one product of `rows` rows with 4-bit weights, their quantization included, after two to warm up. */
export async function linearMs(
  kernels: WebAssembly.Module,
  build: KernelBuild,
  rows: number,
  times: number,
): Promise<{ ms: number; operations: number }> {
  const budgetBytes = 32 << 20;
  const b = await WasmBackend.create(kernels, build, budgetBytes);
  b.reserve(budgetBytes);
  let next = Math.ceil(b.base / 64) * 64;
  const place = (bytes: number) => {
    const at = next;
    next = Math.ceil((at + bytes) / 64) * 64;
    if (next > budgetBytes) throw new RangeError(`${rows} rows do not fit the benchmark's ${budgetBytes} bytes`);
    return at;
  };
  const format = WeightFormat.q4;
  const matrix: Matrix = {
    address: place(b.matrixBytes(COLUMNS, WIDTH, format)),
    format,
    columns: COLUMNS,
    width: WIDTH,
  };
  const [x, quantized] = [place(rows * WIDTH * 4), place(rows * b.activationRowBytes(WIDTH))];
  // the weights as they come are overwritten by the results
  const results = place(Math.max(rows, WIDTH) * COLUMNS * 4);
  fill(b.floats(results, COLUMNS * WIDTH), 0.05);
  fill(b.floats(x, rows * WIDTH), 1);
  b.pack(matrix.address, results, COLUMNS, WIDTH, WIDTH * 4, 0, format, place(b.packScratch(WIDTH) * 4));
  const run = () => {
    b.quantize(quantized, x, rows, WIDTH);
    b.linear(results, x, quantized, matrix, 0, rows, 0);
  };
  run();
  run();
  const started = performance.now();
  for (let i = 0; i < times; i++) run();
  return { ms: (performance.now() - started) / times, operations: 2 * rows * COLUMNS * WIDTH };
}

function fill(values: Float32Array, scale: number): void {
  let state = 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = (state / 2 ** 31 - 1) * scale;
  }
}
