/** The layers of SmolVLM's decoder as an ONNX model, in the operators that the published files are made of. */
import type { ModelShape } from "../../generate_model.ts";
import type { TensorToWrite } from "../../gguf_file.ts";
import { type Kind, Linears } from "./linears.ts";
import { Graph } from "./onnx.ts";

const EPS = { floats: { epsilon: 1e-5 } };
const ROPE_BASE = 100000;
/** The last axis of three. */
const LAST_OF_3 = 2;

/**
 * Inputs: `x` f32 [1, rows, width]; `seqlens_k` i32 [1, 1], all positions less one; `total` i32 [1], all positions; of each
 * layer `past_key_0` and `past_value_0`, [1, kv heads, past, head width]. Outputs: `last` f32 [1, 1, width], the last row
 * before the final norm, and `present_key_0` and the like.
 *
 * @param positions That rotary embedding has a table for.
 */
export function decoderGraph(
  { text: t }: ModelShape,
  tensors: readonly TensorToWrite[],
  kind: Kind,
  positions: number,
) {
  const g = new Graph();
  const w = new Linears(g, kind, tensors);
  const headWidth = t.width / t.heads;
  const half = headWidth / 2;
  // neighbours turn together in GGUF, elements half a head apart here
  const turned = (row: number) => {
    const [head, i] = [Math.floor(row / headWidth), row % headWidth];
    return head * headWidth + (i < half ? 2 * i : 2 * (i - half) + 1);
  };
  const angles = Array.from(
    { length: positions * half },
    (_, i) => Math.floor(i / half) * ROPE_BASE ** (-(i % half) / half),
  );
  const tables = [Math.cos, Math.sin].map((of) => w.floats([positions, half], angles.map(of)));
  const sequence = [g.input("seqlens_k", "int32", [1, 1]), g.input("total", "int32", [1])];

  let x = g.input("x", "float32", [1, "rows", t.width]);
  if (w.type === "float16") x = g.op("Cast", [x], { ints: { to: 10 } });
  const skipNorm = (y: string, name: string) =>
    g.ops(
      ...["SkipSimplifiedLayerNormalization", "com.microsoft"] as const,
      [x, y, w.vector(`${name}.weight`)],
      ...[[true, false, false, true], EPS] as const,
    ) as [normed: string, sum: string];
  let normed = g.op("SimplifiedLayerNormalization", [x, w.vector("blk.0.attn_norm.weight")], {
    ...EPS,
    ints: { axis: LAST_OF_3 },
  });
  for (let layer = 0; layer < t.layers; layer++) {
    const name = `blk.${layer}`;
    const past = ["key", "value"].map((part) =>
      g.input(`past_${part}_${layer}`, w.type, [1, t.kvHeads, "past", headWidth])
    );
    const [q, k] = ["attn_q", "attn_k"].map((part) => w.linear(normed, `${name}.${part}.weight`, turned));
    const v = w.linear(normed, `${name}.attn_v.weight`);
    const [attended, ...present] = g.ops(
      ...["GroupQueryAttention", "com.microsoft"] as const,
      [q!, k!, v, ...past, ...sequence, ...tables],
      [true, true, true],
      { ints: { num_heads: t.heads, kv_num_heads: t.kvHeads, do_rotary: 1 } },
    );
    for (const [i, part] of ["key", "value"].entries()) {
      g.output(`present_${part}_${layer}`, present[i]!, w.type, [1, t.kvHeads, "all", headWidth]);
    }
    [normed, x] = skipNorm(w.linear(attended!, `${name}.attn_output.weight`), `${name}.ffn_norm`);
    const gate = w.linear(normed, `${name}.ffn_gate.weight`);
    const silu = g.op("Mul", [gate, g.op("Sigmoid", [gate])]);
    const hidden = g.op("Mul", [silu, w.linear(normed, `${name}.ffn_up.weight`)]);
    const down = w.linear(hidden, `${name}.ffn_down.weight`);
    if (layer + 1 < t.layers) [normed, x] = skipNorm(down, `blk.${layer + 1}.attn_norm`);
    else x = g.op("Add", [x, down]);
  }
  const last = g.op("Slice", [x, g.ints(-1), g.ints(2 ** 31), g.ints(1)]);
  g.output("last", g.op("Cast", [last], { ints: { to: 1 } }), "float32", [1, 1, t.width]);
  return g.model();
}
