import { LAYER_ROWS, type Measured } from "./compare.ts";

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
  for (const [what, target] of [["prompt of 512", 15], ["decode after 64", 6], ["decode after 512", 6]] as const) {
    const name = what.replaceAll(" of ", "_").replaceAll(" ", "_");
    add(`${name}_over_wllama`, value(what, "loris"), value(what, "wllama"), target);
    add(`${name}_over_llama_cpp`, value(what, "loris"), value(what, "llama.cpp native"), 0.8);
  }
  add("decode_after_512_over_after_64", value("decode after 512", "loris"), value("decode after 64", "loris"), 0.85);
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
