/** What a tile costs before the decoder sees it, which no lazy plan changes. */
import { Random } from "../../../sdk/generate/random.ts";
import { visualSelection } from "../../../sdk/lazy/visual_tokens.ts";
import type { Assembled } from "../../../sdk/model/assemble.ts";
import { median } from "../measure.ts";
import type { Clock } from "./clock.ts";
import { anyTile, openPair, type PairPaths } from "../model.ts";

/** Median milliseconds of one tile. */
export interface EncodeTimes {
  readonly encodeTileMs: number;
  /** With the measuring of which tokens are important, and the merging of the others into a half of them. */
  readonly encodeTileSelectingMs: number;
}

/** Encodes a tile without and with a choice among its tokens, in turns. */
export async function encodeTimes(paths: PairPaths, rounds: number, clock: Clock): Promise<EncodeTimes> {
  const { model: all, pair } = await openPair(paths, 256);
  const { tokens } = pair.visionConfig;
  const visualTokens = visualSelection(tokens >> 1, tokens, (seed) => new Random(seed));
  const { model: some } = await openPair(paths, 256, { visualTokens });
  const tile = [{ kind: "tile" as const, rgb: () => anyTile(all) }];
  const encode = async ({ vlm, cache }: Assembled) => {
    cache.truncate(0);
    const began = clock();
    const { visionMs, prefillMs } = await vlm.prefill(cache, tile);
    // the tile's way through the decoder is no part of it
    return (clock() - began) * visionMs / (visionMs + prefillMs);
  };
  const times: [number[], number[]] = [[], []];
  // the first round is for the engine to compile what is hot
  for (let round = -1; round < rounds; round++) {
    for (const [i, model] of [all, some].entries()) {
      const ms = await encode(model);
      if (round >= 0) times[i]!.push(ms);
    }
  }
  return { encodeTileMs: median(times[0]), encodeTileSelectingMs: median(times[1]) };
}
