import assert from "node:assert/strict";
import { free } from "../../sdk/platform/free.ts";

Deno.test("free() leaves nothing to whoever still has a view, and may be called again", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const view = bytes.subarray(1);
  free(view);
  assert.deepEqual([bytes.length, view.length, bytes.buffer.byteLength], [0, 0, 0]);
  free(bytes);
  free(new Uint8Array(0));
});
