/** SmolVLM's encoder and connector as an ONNX model, by the operators that onnxruntime has fused kernels for. */
import type { ModelShape } from "../../generate_model.ts";
import type { TensorToWrite } from "../../gguf_file.ts";
import { type Kind, Linears } from "./linears.ts";
import { Graph } from "./onnx.ts";

const EPS = { floats: { epsilon: 1e-6 } };

/**
 * Input `patches`: f32 [1, patches, 3 * patch * patch], pixels from -1 to 1, channel by channel; so the patch embedding is a
 * product, which is no slower than the convolution that exporters write. Output `tokens`: f32 [tokens, text width].
 */
export function encoderGraph({ vision: v, text }: ModelShape, tensors: readonly TensorToWrite[], kind: Kind) {
  const g = new Graph();
  const w = new Linears(g, kind, tensors);
  const grid = v.side / v.patch;
  const linear = (x: string, name: string) => g.op("Add", [w.linear(x, `${name}.weight`), w.vector(`${name}.bias`)]);
  const norm = (x: string, name: string) =>
    g.op("LayerNormalization", [x, w.vector(`${name}.weight`), w.vector(`${name}.bias`)], EPS);
  /** Sum of x, y and y's bias, and the sum's norm. */
  const skipNorm = (x: string, y: string, bias: string, name: string) =>
    g.ops(
      ...["SkipLayerNormalization", "com.microsoft"] as const,
      [x, y, w.vector(`${name}.weight`), w.vector(`${name}.bias`), w.vector(`${bias}.bias`)],
      ...[[true, false, false, true], EPS] as const,
    ) as [normed: string, sum: string];

  let x = g.input("patches", "float32", [1, grid * grid, 3 * v.patch ** 2]);
  if (w.type === "float16") x = g.op("Cast", [x], { ints: { to: 10 } });
  x = g.op("Add", [linear(x, "v.patch_embd"), w.vector("v.position_embd.weight")]);
  let normed = norm(x, "v.blk.0.ln1");
  for (let layer = 0; layer < v.layers; layer++) {
    const name = `v.blk.${layer}`;
    const heads = ["attn_q", "attn_k", "attn_v"].map((part) => linear(normed, `${name}.${part}`));
    const attended = g.microsoft("MultiHeadAttention", heads, { ints: { num_heads: v.heads } });
    const out = w.linear(attended, `${name}.attn_out.weight`);
    [normed, x] = skipNorm(x, out, `${name}.attn_out`, `${name}.ln2`);
    const hidden = g.microsoft("FastGelu", [
      w.linear(normed, `${name}.ffn_up.weight`),
      w.vector(`${name}.ffn_up.bias`),
    ]);
    const down = w.linear(hidden, `${name}.ffn_down.weight`);
    const next = layer + 1 < v.layers ? `v.blk.${layer + 1}.ln1` : "v.post_ln";
    [normed, x] = skipNorm(x, down, `${name}.ffn_down`, next);
  }
  const [parts, side] = [v.shuffle, grid / v.shuffle];
  const split = g.op("Reshape", [normed, g.ints(side, parts, side, parts * v.width)]);
  const turned = g.op("Transpose", [split], { ints: { perm: [0, 2, 1, 3] } });
  const shuffled = g.op("Reshape", [turned, g.ints(side * side, parts * parts * v.width)]);
  const tokens = w.linear(shuffled, "mm.model.fc.weight");
  g.output("tokens", g.op("Cast", [tokens], { ints: { to: 1 } }), "float32", [side * side, text.width]);
  return g.model();
}
