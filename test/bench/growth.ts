/** How time grows with what a request brings, and with the model. */
import type { Assembled } from "../../sdk/model/assemble.ts";
import { Pacer } from "../../sdk/model/pacer.ts";
import type { PromptPiece } from "../../sdk/model/vlm.ts";
import { generateModel, SHAPES } from "./generate_model.ts";
import { interleave, type Job } from "./measure.ts";
import { anyIds, anyTile, NANO, openModel } from "./model.ts";

/** One line of a growth table. */
export interface Growth {
  readonly what: string;
  readonly points: readonly { readonly at: number; readonly ms: number }[];
}

/** A job, and the point of the growth that it measures. */
interface Point {
  readonly what: string;
  readonly at: number;
  readonly run: () => Promise<void>;
}

function prompt(model: Assembled, pieces: readonly PromptPiece[]): () => Promise<void> {
  return async () => {
    model.cache.truncate(0);
    await model.vlm.prefill(model.cache, pieces);
  };
}

/** One decode step at a position, whatever stands before it. */
function step(model: Assembled, position: number): () => Promise<void> {
  const pacer = new Pacer();
  return async () => {
    model.cache.truncate(0);
    model.cache.append({ rows: position });
    await model.vlm.step(model.cache, 100, pacer);
  };
}

const text = (model: Assembled, tokens: number): PromptPiece[] => [
  { kind: "text", ids: anyIds(tokens, model.vlm.language.config.vocabulary, tokens) },
];

async function layerPoints(folder: string, layers: number): Promise<Point[]> {
  const shape = { text: { ...SHAPES.nano.text, layers }, vision: { ...SHAPES.nano.vision, layers } };
  const model = await openModel(await generateModel(`${folder}/layers-${layers}`, shape, "Q4_0"), 256);
  const tile = anyTile(model);
  return [
    { what: "a tile, by layers", at: layers, run: async () => void await model.vlm.imageTokens(tile) },
    { what: "a prompt of 64, by layers", at: layers, run: prompt(model, text(model, 64)) },
    { what: "a token, by layers", at: layers, run: step(model, 64) },
  ];
}

/** @param folder For seeded models. */
export async function growth(folder: string): Promise<Growth[]> {
  const nano = await openModel(NANO, 1280);
  const rgb = anyTile(nano);
  const tiles = (count: number) =>
    prompt(nano, Array.from({ length: count }, () => ({ kind: "tile", rgb: () => rgb })));
  // what is not written yet must be finite: a NaN would not change the time, a subnormal number might
  await prompt(nano, text(nano, 1200))();
  const points: Point[] = [
    ...[16, 64, 256, 1024].map((n) => ({ what: "a prompt, by tokens", at: n, run: prompt(nano, text(nano, n)) })),
    ...[16, 64, 256, 1024].map((n) => ({ what: "a token, by tokens before it", at: n, run: step(nano, n) })),
    ...[1, 2, 4].map((n) => ({ what: "tiles and their tokens, by tiles", at: n, run: tiles(n) })),
    ...(await Promise.all([3, 6, 12].map((layers) => layerPoints(folder, layers)))).flat(),
  ];
  const jobs: Job[] = points.map(({ what, at, run }) => ({ name: `${what}: ${at}`, work: at, run }));
  const timings = await interleave(jobs);
  return [...new Set(points.map((p) => p.what))].map((what) => ({
    what,
    points: points.flatMap((p, i) => p.what === what ? [{ at: p.at, ms: timings[i]!.ms }] : []),
  }));
}
