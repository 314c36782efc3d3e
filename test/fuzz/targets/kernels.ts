/**
 * Hostile weights through the kernels: packing gives the same bytes and the same verdict in all builds, writes nothing beside
 * its place, and what it accepts multiplies to finite numbers, of the same bits in both SIMD builds and close to the plain
 * ones. Shapes are those that files can have: kernels take addresses and sizes from the memory plan, and check none.
 */
import assert from "node:assert/strict";
import { type Backend, Epilogue, readsQuantized, WeightFormat } from "../../../sdk/backend/backend.ts";
import { GGML_TYPES } from "../../../sdk/gguf/types.ts";
import { Bench, BUILDS, bytesOf, normalisedError, numbers } from "../../ops/harness.ts";
import type { Target } from "../target.ts";
import { Taker } from "../taker.ts";

const FORMATS = Object.values(WeightFormat);
const TYPES = [...GGML_TYPES.keys(), 99];
const MAX = { rows: 20, width: 512, rowsOfInput: 6 };
const GUARD = 0xa5;
const GUARD_BYTES = 64;
/** Sums in another order; hostile weights may cancel all but a little of a row. */
const MAX_ERROR = 1e-2;

/** Inputs that 8 bits hold exactly, at the ends of their range: else hostile weights show nothing but what rounding loses. */
const INPUTS = numbers(3, MAX.rowsOfInput * MAX.width).map((value) => value > 0.5 ? 127 : value < -0.5 ? -127 : 0);

const benches = await Promise.all(BUILDS.map(async (kind) => {
  const bench = await Bench.create(kind);
  const { backend } = bench;
  const matrixBytes = backend.matrixBytes(MAX.rows, MAX.width, WeightFormat.f32);
  const recordBytes = MAX.rowsOfInput * backend.activationRowBytes(MAX.width);
  return {
    ...{ bench, backend },
    matrix: bench.reserve(matrixBytes + GUARD_BYTES, "weights"),
    src: bench.reserve(MAX.rows * MAX.width * 4),
    scratch: bench.reserve(backend.packScratch(MAX.width) * 4),
    x: bench.put(INPUTS),
    records: bench.reserve(recordBytes),
    dst: bench.reserve(MAX.rowsOfInput * MAX.rows * 4),
  };
}));
type Place = (typeof benches)[number];

/** Bytes of a packed matrix, checked to end where it should. */
function packed({ backend, matrix, src, scratch }: Place, weights: Uint8Array, shape: Shape) {
  const { rows, width, rowBytes, type, format } = shape;
  const bytes = backend.matrixBytes(rows, width, format);
  backend.bytes(matrix, bytes + GUARD_BYTES).fill(GUARD);
  backend.bytes(src, weights.length).set(weights);
  const outcome = backend.pack(matrix, src, rows, width, rowBytes, type, format, scratch);
  const after = backend.bytes(matrix + bytes, GUARD_BYTES);
  assert.ok(after.every((byte) => byte === GUARD), "bytes behind the matrix were written");
  return { outcome, bytes: outcome === 0 ? backend.bytes(matrix, bytes).slice() : undefined };
}

function product(place: Place, { rows, width, format }: Shape, inputs: number): Float32Array {
  const { backend, matrix: address, x, records, dst } = place;
  if (readsQuantized(format)) backend.quantize(records, x, inputs, width);
  backend.linear(dst, x, records, { address, columns: rows, width, format }, 0, inputs, Epilogue.store);
  return floats(backend, dst, inputs * rows);
}

function floats(backend: Backend, address: number, count: number): Float32Array {
  return new Float32Array(backend.bytes(address, count * 4).slice().buffer);
}

interface Shape {
  readonly rows: number;
  readonly width: number;
  readonly rowBytes: number;
  readonly type: number;
  readonly format: WeightFormat;
}

export const target: Target = {
  seeds: TYPES.flatMap((_, type) =>
    FORMATS.map((_, format) =>
      Uint8Array.of(type, format, 9, 1, 3, ...bytesOf(numbers(type + 1, 40)).map((b, i) => i % 4 === 3 ? b & 0x3f : b))
    )
  ),
  maxBytes: 1024,
  run(input) {
    const taker = new Taker(input);
    const type = taker.of(TYPES);
    const format = taker.of(FORMATS);
    const { blockElements, blockBytes } = GGML_TYPES.get(type) ?? { blockElements: 32, blockBytes: 18 };
    const rows = 1 + taker.below(MAX.rows);
    const width = blockElements *
      (1 + taker.below(Math.max(1, Math.floor(Math.min(MAX.width, 8 * blockElements) / blockElements))));
    const inputs = 1 + taker.below(MAX.rowsOfInput);
    const hostile = taker.left === 0 ? Uint8Array.of(0) : taker.rest();
    const shape = { rows, width, rowBytes: width / blockElements * blockBytes, type, format };
    const weights = Uint8Array.from({ length: rows * shape.rowBytes }, (_, i) => hostile[i % hostile.length]!);

    const [plain, simd, relaxed] = benches.map((place) => packed(place, weights, shape));
    assert.deepEqual(simd, plain);
    assert.deepEqual(relaxed, plain);
    if (plain!.outcome !== 0) return;
    const [want, one, other] = benches.map((place) => product(place, shape, inputs));
    assert.deepEqual(one, other);
    if (!want!.every(Number.isFinite)) return;
    const error = normalisedError(one!, want!);
    assert.ok(error < MAX_ERROR, `a normalised error of ${error}`);
  },
};
