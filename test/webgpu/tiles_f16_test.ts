import assert from "node:assert/strict";
import { Epilogue, WeightFormat } from "../../sdk/backend/backend.ts";
import { capabilitiesOf } from "../../sdk/backend/webgpu/capabilities.ts";
import { normalisedError, numbers } from "../ops/harness.ts";
import { Desk } from "./desk.ts";
import { device as deviceOf } from "./gpu.ts";

const device = await deviceOf();

/** Enough of both for large squares. */
const [ROWS, WIDTH, COLUMNS] = [513, 64, 964];
const BAD = 7;
/** As in test/ops/gpu_test.ts, and for the one row that has it worst. */
const BOUND = 4e-6;

for (const [name, format] of Object.entries(WeightFormat).filter(([, format]) => format >= WeightFormat.q8)) {
  Deno.test({
    name: `tiles of 16-bit floats, ${name}: rows of any size keep their precision, what is no number stays in its row`,
    ignore: !device || !capabilitiesOf(device).f16,
    async fn() {
      const desk = await Desk.create(device!, { f16: true });
      const b = desk.backend;
      const matrix = desk.matrix(1, COLUMNS, WIDTH, format);
      const ids = desk.put(Uint32Array.from({ length: COLUMNS }, (_, i) => i));
      const table = desk.work(COLUMNS * WIDTH * 4);
      b.embed(table, matrix, ids, COLUMNS);
      const weights = await b.read(table, COLUMNS * WIDTH);
      // from 1e-25 to 1e25, far beyond what 16 bits hold; halves of a row are apart by a hundred
      const x = numbers(2, ROWS * WIDTH).map((value, i) => {
        const row = Math.floor(i / WIDTH);
        return value * 10 ** (row % 51 - 25) * (i % WIDTH < 32 ? 1 : 100);
      });
      x[BAD * WIDTH + 40] = NaN;
      const [at, dst] = [desk.put(x), desk.work(ROWS * COLUMNS * 4)];
      b.linear(dst, at, at, matrix, 0, ROWS, Epilogue.store);
      const got = await b.read(dst, ROWS * COLUMNS);
      let rounded = 0;
      for (let row = 0; row < ROWS; row++) {
        const its = got.subarray(row * COLUMNS, (row + 1) * COLUMNS);
        if (row === BAD) {
          assert.ok(its.every(Number.isNaN));
          continue;
        }
        const want = Float64Array.from({ length: COLUMNS }, (_, column) => {
          let sum = 0;
          for (let k = 0; k < WIDTH; k++) sum += x[row * WIDTH + k]! * weights[column * WIDTH + k]!;
          return sum;
        });
        const error = normalisedError(its, want);
        assert.ok(error <= BOUND, `row ${row}: normalised square error ${error}`);
        if (error > 1e-9) rounded++;
      }
      // else it was not these tiles that were tested
      assert.ok(rounded > ROWS / 2);
      b.destroy();
    },
  });
}
