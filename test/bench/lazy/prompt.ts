/** Prompts of a wanted number of image tokens, laid out as SmolVLM's template does. */
import type { PromptPiece } from "../../../sdk/model/vlm.ts";
import { anyIds } from "../model.ts";

/** Text tokens before the first tile, and after the last one. */
const HEAD = 6;
const TAIL = 14;
/** Marks before each later tile: two, and a line end after each row of four tiles. */
const marks = (tile: number) => tile % 4 === 0 ? 3 : 2;

/** Text tokens before each tile, and after the last one. */
export function textRuns(tiles: number): number[] {
  return [HEAD, ...Array.from({ length: tiles - 1 }, (_, i) => marks(i + 1)), TAIL];
}

/** For each position of a prompt of so many tiles, whether it is an image token. */
export function visualPositions(tiles: number, tokensPerTile: number): boolean[] {
  return textRuns(tiles).flatMap((tokens, i) => [
    ...new Array<boolean>(tokens).fill(false),
    ...new Array<boolean>(i < tiles ? tokensPerTile : 0).fill(true),
  ]);
}

/**
 * The same as pieces of a prompt, from image tokens that are known already: no encoder is in the times.
 *
 * @param rows f32 [kept tokens, width] of one tile, used for each.
 * @param positions Of the kept tokens, from the tile's first.
 * @param span Positions that a tile takes.
 */
export function promptPieces(
  tiles: number,
  vocabulary: number,
  { rows, positions, span }: { rows: Float32Array; positions: readonly number[]; span: number },
): PromptPiece[] {
  return textRuns(tiles).flatMap((tokens, i): PromptPiece[] => [
    { kind: "text", ids: anyIds(tokens, vocabulary, i) },
    ...(i < tiles ? [{ kind: "embeddings" as const, rows, positions, span }] : []),
  ]);
}
