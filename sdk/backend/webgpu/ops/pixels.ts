import { type DeviceMemory, gridOf } from "../memory.ts";
import { operation } from "../operation.ts";

/** Elements that a workgroup does. */
const LANES = 256;

const PATCHES = operation("patches", ["write"], {
  ...{ dst: "u32", rgb: "u32", size: "u32", patch_size: "u32", mean: "u32", deviation: "u32" },
});
const PIXEL_SHUFFLE = operation("pixel_shuffle", ["write"], {
  ...{ dst: "u32", x: "u32", grid: "u32", width: "u32", scale: "u32" },
});

export const OPERATIONS = [PATCHES, PIXEL_SHUFFLE];

/** See `Backend.patches`. */
export function patches(
  m: DeviceMemory,
  dst: number,
  rgb: number,
  size: number,
  patch: number,
  mean: number,
  deviation: number,
): void {
  const [to, from, means, deviations] = [m.operand(dst), m.operand(rgb), m.operand(mean), m.operand(deviation)];
  const elements = Math.floor(size / patch) ** 2 * 3 * patch ** 2;
  m.run(PATCHES, {}, [to.binding], {
    ...{ dst: to.word, rgb: from.word, size, patch_size: patch, mean: means.word, deviation: deviations.word },
  }, gridOf(Math.ceil(elements / LANES)));
}

/** See `Backend.pixelShuffle`. */
export function pixelShuffle(
  m: DeviceMemory,
  dst: number,
  x: number,
  grid: number,
  width: number,
  scale: number,
): void {
  const [to, from] = [m.operand(dst), m.operand(x)];
  const elements = Math.floor(grid / scale) ** 2 * scale ** 2 * width;
  m.run(
    PIXEL_SHUFFLE,
    {},
    [to.binding],
    { dst: to.word, x: from.word, grid, width, scale },
    gridOf(Math.ceil(elements / LANES)),
  );
}
