import { KvFormat } from "../../backend.ts";
import { LorisError } from "../../../errors.ts";
import type { ShaderConstants } from "../shader_text.ts";

/** Widest head that the shaders' workgroup memory has room for. */
const MAX_HEAD_WIDTH = 128;

/** What shaders that touch a KV store are made for. FAR: the store is in buffers of its own, not in the work buffer. */
export const KV_CONSTANTS = {
  ...{ F16: [false, true], Q8: [false, true], FAR: [false, true] },
  // any multiple of 8 up to the widest; those of known models stand for all
  HEAD_WIDTH: [16, 32, 64, 72, 96, 128],
};

/** @throws {LorisError} `file_unsupported` if heads are too wide. */
export function kvConstants(headWidth: number, format: KvFormat, far: boolean): ShaderConstants {
  if (headWidth > MAX_HEAD_WIDTH || headWidth % 8 !== 0) {
    throw new LorisError(
      "file_unsupported",
      `heads of ${headWidth} values are not supported on a GPU; multiples of 8 up to ${MAX_HEAD_WIDTH} are: ` +
        `use another model, or backend: "wasm"`,
      { param: "backend" },
    );
  }
  if (!far && format !== KvFormat.f32) throw new RangeError("only f32 keys and values can lie in the work area");
  return { F16: format === KvFormat.f16, Q8: format === KvFormat.q8, FAR: far, HEAD_WIDTH: headWidth };
}
