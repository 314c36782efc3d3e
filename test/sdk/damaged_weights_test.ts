/** A weight that is no finite number, in whatever tensor it stands. */
import assert from "node:assert/strict";
import { type GgufTensor, openGguf } from "../../sdk/gguf/gguf.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { answersAsEver, look, openTiny, OTHER_PICTURE, PAIR } from "../faults/tiny.ts";
import { rejection } from "./model.ts";

/** Bits of numbers that are not finite, by the type in which a tensor has its weights or its blocks' scales. */
const BITS: Readonly<Record<string, readonly (readonly number[])[]>> = {
  F32: [[0, 0, 0xc0, 0x7f], [0, 0, 0x80, 0x7f], [0, 0, 0x80, 0xff]],
  F16: [[0, 0x7e], [0, 0x7c], [0, 0xfc]],
  Q8_0: [[0, 0x7e], [0, 0x7c], [0, 0xfc]],
};
const BLOCK_BYTES: Readonly<Record<string, number>> = { F32: 4, F16: 2, Q8_0: 34 };

/** The file with a weight that is not finite in a tensor's first or last block. */
function damaged(bytes: Uint8Array, tensor: GgufTensor, bits: readonly number[], last: boolean): Uint8Array {
  const copy = bytes.slice();
  copy.set(bits, tensor.offset + (last ? tensor.bytes - BLOCK_BYTES[tensor.type]! : 0));
  return copy;
}

for (const file of ["text", "vision"] as const) {
  const { tensors } = await openGguf(bytesSource(PAIR[file]));

  Deno.test(`load() refuses a NaN or an infinity in any tensor of the ${file} file, in its first and its last block, by its name`, async () => {
    assert.ok(tensors.size >= 20, `${tensors.size} tensors`);
    for (const tensor of tensors.values()) {
      for (const bits of BITS[tensor.type]!) {
        for (const last of [false, true]) {
          const source = bytesSource(damaged(PAIR[file], tensor, bits, last), `${file}.gguf`);
          const { code, message } = await rejection(openTiny({ [file]: source }));
          assert.equal(code, "file_invalid", tensor.name);
          assert.ok(
            message.startsWith(`${file}.gguf: ${tensor.name} holds a weight that is not a finite number`),
            message,
          );
        }
      }
    }
  });
}

Deno.test("a NaN that comes with a streamed layer is refused by the picture that meets it, and the next one is answered", async () => {
  const { tensors } = await openGguf(bytesSource(PAIR.vision));
  const bytes = PAIR.vision.slice();
  const captioner = await openTiny({
    vision: bytesSource(bytes, "vision.gguf"),
    visionWeights: "streamed",
    keptTiles: 0,
  });
  await answersAsEver(captioner, "before");
  let met = 0;
  for (const tensor of tensors.values()) {
    // norms, biases and embeddings stay in memory
    if (!/^v\.blk\..*(attn|ffn)_.*\.weight$|^mm\./.test(tensor.name)) continue;
    bytes.set(damaged(PAIR.vision, tensor, BITS.Q8_0![0]!, true));
    const { code, message } = await rejection(look(captioner, { picture: OTHER_PICTURE }));
    assert.equal(code, "file_invalid", tensor.name);
    met++;
    assert.match(message, new RegExp(tensor.name.replaceAll(".", "\\.")));
    bytes.set(PAIR.vision);
    await answersAsEver(captioner, tensor.name);
  }
  assert.equal(met, 3 * 6 + 1);
  await captioner.close();
});
