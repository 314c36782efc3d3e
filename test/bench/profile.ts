/** Which operations a picture's encoding spends its time in. */
import type { Backend } from "../../sdk/backend/backend.ts";
import { generateModel, type ModelShape, SHAPES } from "./generate_model.ts";
import { median } from "./measure.ts";
import { anyTile, openModel, type PairPaths } from "./model.ts";

/** Share of each operation, the largest first; they add up to 1 with `other`: what passes between the operations. */
export interface Profile {
  readonly what: string;
  readonly tileMs: number;
  readonly shares: Readonly<Record<string, number>>;
}

/** A backend that adds up the time of each operation by name. */
export function timed(backend: Backend, ms: Map<string, number>): Backend {
  const wrapped = new Map<PropertyKey, unknown>();
  return new Proxy(backend, {
    get(target, key) {
      if (wrapped.has(key)) return wrapped.get(key);
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== "function") return member;
      const call = (...parameters: unknown[]) => {
        const started = performance.now();
        const result = member.apply(target, parameters);
        ms.set(String(key), (ms.get(String(key)) ?? 0) + performance.now() - started);
        return result;
      };
      wrapped.set(key, call);
      return call;
    },
  });
}

/** Times of one tile of a pair, medians of `rounds`. */
export async function profileTile(what: string, pair: PairPaths, rounds = 5): Promise<Profile> {
  const ms = new Map<string, number>();
  const model = await openModel(pair, 128, { wrap: (backend) => timed(backend, ms) });
  const tile = anyTile(model);
  await model.vlm.imageTokens(tile);
  const runs: { total: number; ms: Map<string, number> }[] = [];
  for (let round = 0; round < rounds; round++) {
    ms.clear();
    const started = performance.now();
    await model.vlm.imageTokens(tile);
    runs.push({ total: performance.now() - started, ms: new Map(ms) });
  }
  const names = [...runs[0]!.ms.keys()];
  const shares = names.map((name) => [name, median(runs.map((r) => r.ms.get(name)! / r.total))] as const);
  const other = 1 - shares.reduce((sum, [, share]) => sum + share, 0);
  const sorted = [...shares, ["other", other] as const].filter(([, share]) => share >= 0.001)
    .toSorted((a, b) => b[1] - a[1]);
  return { what, tileMs: median(runs.map((r) => r.total)), shares: Object.fromEntries(sorted) };
}

/** SmolVLM-256M's encoder at its real 1024 patches, with fewer layers: all layers are alike, so the shares are the same. */
export async function profileSmolVlm(folder: string, layers = 3): Promise<Profile> {
  const { text, vision } = SHAPES.smolvlm_256m;
  const shape: ModelShape = { text: { ...text, layers: 1, vocabulary: 8196 }, vision: { ...vision, layers } };
  return await profileTile(
    `SmolVLM-256M's tile, 512 px, ${layers} of 12 layers`,
    await generateModel(folder, shape, "Q8_0"),
  );
}
