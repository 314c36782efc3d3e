/** Every target by name, those in Rust and those in TypeScript. */
import { readLarge, readPictures } from "../image/pictures.ts";
import { buildRust, runRust, type RustTarget } from "./engine/rust.ts";
import type { Budget, Outcome } from "./engine/outcome.ts";
import { runTarget } from "./engine/run.ts";

const FOLDER = new URL("targets/", import.meta.url);
const KERNELS = ["attention", "pack", "rows", "sample"];
const FORMATS = ["bmp", "gif", "jpeg", "png", "webp"];

export interface AnyTarget {
  readonly name: string;
  readonly language: "TypeScript" | "Rust";
  run(budget: Budget): Promise<Outcome>;
}

export function typescriptTargets(): AnyTarget[] {
  return [...Deno.readDirSync(FOLDER)].map(({ name }) => name).sort().map((file): AnyTarget => ({
    name: file.replace(/\.ts$/, ""),
    language: "TypeScript",
    run: (budget) => runTarget(new URL(file, FOLDER), budget),
  }));
}

/** Nothing is built before one of them is run. */
export async function rustTargets(): Promise<AnyTarget[]> {
  const pictures: [name: string, bytes: Uint8Array][] = [
    ...(await readPictures()).map(({ name, bytes }): [string, Uint8Array] => [name, bytes]),
    ...await readLarge(),
  ];
  const decoders = FORMATS.map((format): RustTarget => ({
    name: `rust/image_${format}`,
    program: "image",
    maxBytes: 4096,
    seeds: pictures.filter(([name]) => name.startsWith(format)).map(([, bytes]) => bytes),
  }));
  const kernels = KERNELS.map((name): RustTarget => ({
    name: `rust/${name}`,
    program: name,
    maxBytes: 1024,
    seeds: [],
  }));
  const resize: RustTarget = { name: "rust/resize", program: "resize", maxBytes: 1024, seeds: [] };
  let programs: Promise<string> | undefined;
  return [...decoders, resize, ...kernels].map((target): AnyTarget => ({
    name: target.name,
    language: "Rust",
    run: async (budget) => await runRust(await (programs ??= buildRust()), target, budget),
  }));
}
