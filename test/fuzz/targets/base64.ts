/** Base64: what `atob` reads, and nothing else. */
import assert from "node:assert/strict";
import { base64Bytes } from "../../../sdk/image/base64.ts";
import { bytesOf, type Target } from "../target.ts";

function expected(text: string): string | undefined {
  try {
    return atob(text);
  } catch {
    return undefined;
  }
}

export const target: Target = {
  seeds: ["", "QUJD", "QUI=", "QQ==", "QQ", " Q U\nI = ", "QUJDREVGR0hJ"].map(bytesOf),
  maxBytes: 256,
  run(input) {
    const text = new TextDecoder("latin1").decode(input);
    const bytes = base64Bytes(text);
    assert.equal(bytes && String.fromCharCode(...bytes), expected(text));
    const back = base64Bytes(btoa(String.fromCharCode(...input)));
    assert.deepEqual(back, input);
  },
};
