import assert from "node:assert/strict";
import { ImageTokenCache } from "../../sdk/model/image_token_cache.ts";

const tokens = (floats: number) => ({ rows: new Float32Array(floats), positions: undefined });

Deno.test("ImageTokenCache: keeps within its bytes, and drops what was used longest ago", () => {
  const cache = new ImageTokenCache(100);
  cache.set("a", tokens(10));
  cache.set("b", tokens(10));
  assert.equal(cache.bytes, 80);
  assert.ok(cache.get("a"));
  cache.set("c", tokens(10));
  assert.deepEqual([cache.get("b"), cache.bytes], [undefined, 80]);
  assert.ok(cache.get("a") && cache.get("c"));
  cache.set("a", tokens(5));
  assert.equal(cache.bytes, 60, "the old tokens of the same tile are gone");
});

Deno.test("ImageTokenCache: tokens that alone are too many are not kept; with no bytes nothing is", () => {
  const cache = new ImageTokenCache(100);
  cache.set("a", tokens(10));
  cache.set("b", tokens(26));
  assert.ok(cache.get("a"));
  assert.equal(cache.get("b"), undefined);
  const none = new ImageTokenCache(0);
  none.set("a", tokens(1));
  assert.deepEqual([none.get("a"), none.bytes], [undefined, 0]);
});
