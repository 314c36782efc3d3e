import { LorisError } from "../errors.ts";

/** How closely a picture is looked at: one tile for the whole, or cut into tiles at the model's full size. */
export type Detail = "low" | "high";

/** How a picture becomes tiles. */
export interface TilePlan {
  /** Rows and columns of the cut; 0 x 0 if the picture is looked at whole only. */
  readonly rows: number;
  readonly columns: number;
  /** Size to which the picture is brought before it is cut, in pixels: columns and rows of whole tiles. */
  readonly width: number;
  readonly height: number;
}

/** What the plan depends on besides the picture. */
export interface TileOptions {
  /** Side of a tile in pixels. */
  readonly tile: number;
  /** Longest edge in pixels before the cut. */
  readonly longestEdge: number;
  /** The most tiles, the overview included. */
  readonly maxTiles: number;
}

const WHOLE: TilePlan = { rows: 0, columns: 0, width: 0, height: 0 };

/**
 * Tiles of a picture, as Idefics3's image processor cuts it: the longest edge is brought to `longestEdge` (enlarging too),
 * both sides up to multiples of the tile, and the overview comes last. Where that makes more than `maxTiles`, the
 * longest edge is lowered tile by tile until it does not. Source: transformers, `Idefics3ImageProcessor`.
 *
 * @throws {LorisError} `argument_invalid` for another detail, or a number of tiles that is not from 1.
 */
export function tilePlan(detail: Detail, width: number, height: number, options: TileOptions): TilePlan {
  const { tile, longestEdge, maxTiles } = options;
  if (!Number.isInteger(maxTiles) || maxTiles < 1) {
    throw new LorisError("argument_invalid", `maxTiles is ${maxTiles}, it must be a whole number from 1`, {
      param: "maxTiles",
    });
  }
  if (detail === "low") return WHOLE;
  if (detail !== "high") {
    throw new LorisError("argument_invalid", `detail is "${detail}", it must be "low" or "high"`, { param: "detail" });
  }
  for (let edge = longestEdge; edge > tile; edge -= tile) {
    const [w, h] = fitLongestEdge(width, height, edge);
    const [columns, rows] = upToTiles(w, h, tile);
    if (columns * rows > 1 && columns * rows + 1 <= maxTiles) {
      return { rows, columns, width: columns * tile, height: rows * tile };
    }
  }
  return WHOLE;
}

/** Longest edge to `edge`, the other by the aspect, rounded down and then up to an even number. */
function fitLongestEdge(width: number, height: number, edge: number): [number, number] {
  const aspect = width / height;
  const even = (n: number) => Math.max(1, n % 2 === 0 ? n : n + 1);
  return width >= height ? [edge, even(Math.floor(edge / aspect))] : [even(Math.floor(edge * aspect)), edge];
}

/** The longer side up to a multiple of the tile, the other by the aspect and up to a multiple too. */
function upToTiles(width: number, height: number, tile: number): [number, number] {
  const aspect = width / height;
  if (width >= height) {
    const columns = Math.ceil(width / tile);
    return [columns, Math.ceil(Math.floor(columns * tile / aspect) / tile) || 1];
  }
  const rows = Math.ceil(height / tile);
  return [Math.ceil(Math.floor(rows * tile * aspect) / tile) || 1, rows];
}

/** Tiles of a plan, the overview included. */
export function tileCount(plan: TilePlan): number {
  return plan.rows * plan.columns + 1;
}

/**
 * Cuts one tile out of a picture of the plan's size.
 *
 * @param rgb u8 [plan.height, plan.width, 3].
 * @returns u8 [tile, tile, 3].
 */
export function cutTile(rgb: Uint8Array, plan: TilePlan, row: number, column: number): Uint8Array {
  const tile = plan.width / plan.columns;
  const out = new Uint8Array(tile * tile * 3);
  for (let y = 0; y < tile; y++) {
    const from = ((row * tile + y) * plan.width + column * tile) * 3;
    out.set(rgb.subarray(from, from + tile * 3), y * tile * 3);
  }
  return out;
}
