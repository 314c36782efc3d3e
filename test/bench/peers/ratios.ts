import { LAYER_ROWS, type Measured } from "./compare.ts";
import { TEXT_TYPES } from "./install.ts";

/** The product's number over a peer's. */
export interface Ratio {
  readonly name: string;
  readonly value: number;
  /** Where it should be at least; some are shown without a goal. */
  readonly target?: number;
}

/** Every ratio whose both numbers were measured. */
export function ratiosOf(measured: readonly Measured[]): Ratio[] {
  const value = (what: string, engine: string) => measured.find((m) => m.what === what && m.engine === engine)?.value;
  const ratios: Ratio[] = [];
  const add = (name: string, ours: number | undefined, theirs: number | undefined, target?: number) => {
    if (ours !== undefined && theirs !== undefined) {
      ratios.push({ name, value: ours / theirs, ...(target === undefined ? {} : { target }) });
    }
  };
  for (const type of TEXT_TYPES) {
    // the goals are for the file that was published, whose ratios have no type in their names
    const [suffix, goal] = type === "Q4_1"
      ? ["", (target: number) => target]
      : [`_${type.toLowerCase()}`, () => undefined];
    for (const [what, target] of [["prompt of 512", 15], ["decode after 64", 6], ["decode after 512", 6]] as const) {
      const name = what.replaceAll(" of ", "_").replaceAll(" ", "_") + suffix;
      const of = (engine: string) => value(`${type}, ${what}`, engine);
      add(`${name}_over_wllama`, of("loris"), of("wllama"), goal(target));
      add(`${name}_over_llama_cpp`, of("loris"), of("llama.cpp native"), goal(0.8));
    }
    const decode = (after: number) => value(`${type}, decode after ${after}`, "loris");
    add(`decode_after_512${suffix}_over_after_64`, decode(512), decode(64), goal(0.85));
  }
  const tile = "ViT-B/16 tile, 224 px";
  add("vit_b_tile_over_wllama", value(tile, "loris"), value(tile, "wllama"), 12);
  for (const layer of ["smollm2", "vit_b"]) {
    for (const rows of LAYER_ROWS) {
      const what = `${layer} layer, M = ${rows}`;
      const over = (ours: string, theirs: string, target?: number) =>
        add(
          `${layer}_${ours}_m${rows}_over_${theirs}`,
          value(what, `loris ${ours}`),
          value(what, `onnxruntime ${theirs}`),
          target,
        );
      over("q4", "dq8", rows === 1 ? 2 : 1.5);
      if (rows > 1) over("q4", "nb4", 3.5);
      if (rows > 1) over("q8", "dq8", 1.2);
      over("q8", "f32");
    }
  }
  return ratios;
}
