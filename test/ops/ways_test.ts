/** An engine runs one of the relaxed build's ways to multiply (`relaxed_bytes`); the others must give its bits as well. */
import assert from "node:assert/strict";
import { type Matrix, WeightFormat } from "../../sdk/backend/backend.ts";
import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import type { KernelExports } from "../../sdk/backend/wasm/exports.ts";
import { packagedKernels } from "../../sdk/load.ts";
import { Bench, bytesOf, numbers } from "./harness.ts";

const WIDTH = 96, COLUMNS = 20;
const Q4_0 = 2, Q4_1 = 3, Q8_0 = 8;
/** `Bytes` of simd.rs. */
const WIDEN = 0, UNSIGNED = 1;
const MEMORY_BYTES = 4 << 20;

/** Blocks of a GGUF type: f16 scales of 1 (and minimums of 1), then bytes from a seed, the first two rows all ones or zeros. */
function blocks(seed: number, halves: number, bytes: number): Uint8Array {
  const noise = bytesOf(numbers(seed, COLUMNS * WIDTH));
  const rowBytes = (WIDTH / 32) * (2 * halves + bytes);
  return Uint8Array.from({ length: COLUMNS * rowBytes }, (_, i) => {
    const inBlock = i % (2 * halves + bytes);
    if (inBlock < 2 * halves) return inBlock % 2 === 0 ? 0x00 : 0x3c;
    const row = Math.floor(i / rowBytes);
    return row === 0 ? 0xff : row === 1 ? 0 : noise[(i * 4 + 1) % noise.length]!;
  });
}

const FORMATS = [
  { format: WeightFormat.q4, name: "linear_q4", type: Q4_0, weights: blocks(1, 1, 16), exact: [WIDEN, UNSIGNED] },
  {
    format: WeightFormat.q4Min,
    name: "linear_q4_min",
    type: Q4_1,
    weights: blocks(2, 2, 16),
    exact: [WIDEN, UNSIGNED],
  },
  { format: WeightFormat.q8, name: "linear_q8", type: Q8_0, weights: blocks(3, 1, 32), exact: [WIDEN] },
] as const;

/** Rows of activations: the largest of both signs in all places, then seeded ones. */
function activations(rows: number): Float32Array {
  const x = numbers(4, rows * WIDTH);
  x.fill(1, 0, WIDTH);
  x.fill(-1, WIDTH, Math.min(2, rows) * WIDTH);
  return x;
}

function inputs(bench: Bench, { format, type, weights }: typeof FORMATS[number], rows: number) {
  const matrix: Matrix = bench.matrix(COLUMNS, WIDTH, format);
  assert.equal(bench.pack(matrix, weights, type), 0);
  const x = bench.put(activations(rows));
  const quantized = bench.reserve(rows * bench.backend.activationRowBytes(WIDTH));
  bench.backend.quantize(quantized, x, rows, WIDTH);
  return { matrix, x, quantized, dst: bench.reserve(rows * COLUMNS * 4) };
}

for (const c of FORMATS) {
  Deno.test(`${c.name} gives the same bits in every way to multiply, at the ends of its ranges as well`, async () => {
    // rows of one tile, of packed weights, of panels, and of panels with some left
    for (const rows of [1, 3, 7, 9, 19, 23, 28, 34, 130]) {
      const plain = await Bench.create("simd128");
      const p = inputs(plain, c, rows);
      plain.backend.linear(p.dst, p.x, p.quantized, p.matrix, 0, rows, 0);
      const wanted = bytesOf(await plain.get(p.dst, rows * COLUMNS));

      const relaxed = await packagedKernels("relaxed");
      const backend = await WasmBackend.create(relaxed, "relaxed", MEMORY_BYTES);
      const bench = Bench.of(backend, MEMORY_BYTES);
      const b = inputs(bench, c, rows);
      // the kernels once more, over the same memory: the backend itself knows its engine's way alone
      const { exports } = await WebAssembly.instantiate(relaxed, { env: { memory: backend.memory } });
      const kernels = exports as unknown as KernelExports;
      const ways = new Set([...c.exact, kernels.relaxed_bytes!()]);
      for (const way of ways) {
        bench.backend.bytes(b.dst, rows * COLUMNS * 4).fill(0x55);
        kernels[c.name](b.dst, b.quantized, b.matrix.address, 0, rows, WIDTH, COLUMNS, COLUMNS, 0, way);
        assert.deepEqual(bytesOf(await bench.get(b.dst, rows * COLUMNS)), wanted, `${rows} rows, way ${way}`);
      }
    }
  });
}
