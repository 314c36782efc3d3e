/** How a key is compared: that the way taken says nothing of how near a guess is, which no clock is needed to see. */
import assert from "node:assert/strict";
import { ApiKeys } from "../../src/service/keys.ts";

const KEY = "sk-0123456789abcdef";

/** What a check looks at: digests that are made, and bytes of them that are read, in order. */
async function looks(
  guess: string,
  keys: readonly string[],
): Promise<{ digested: number; read: string; known: boolean }> {
  const apiKeys = new ApiKeys();
  const { digest } = crypto.subtle;
  let digested = 0;
  const read: string[] = [];
  const Original = globalThis.Uint8Array;
  crypto.subtle.digest = async (name, data) => {
    digested++;
    return await digest.call(crypto.subtle, name, data);
  };
  // digests come as `new Uint8Array(buffer)`: these tell which of their bytes are read
  globalThis.Uint8Array = new Proxy(Original, {
    construct: (target, args) => {
      const bytes = Reflect.construct(target, args);
      if (!(args[0] instanceof ArrayBuffer) || bytes.length !== 32) return bytes;
      return new Proxy(bytes, {
        get(of, name) {
          if (typeof name === "string" && /^\d+$/.test(name)) read.push(name);
          return Reflect.get(of, name, of);
        },
      });
    },
  });
  try {
    const known = await apiKeys.check(`Bearer ${guess}`, keys).then(() => true, () => false);
    return { digested, read: read.join(" "), known };
  } finally {
    crypto.subtle.digest = digest;
    globalThis.Uint8Array = Original;
  }
}

Deno.test("keys: a guess is compared by its digest, whole, whatever of it is right", async () => {
  const right = await looks(KEY, [KEY]);
  const every = Array.from({ length: 32 }, (_, i) => `${i} ${i}`).join(" ");
  assert.deepEqual(right, { digested: 2, read: every, known: true });
  const guesses = ["x", KEY.slice(0, -1), `${KEY}x`, `${KEY.slice(0, -1)}X`, KEY.toUpperCase(), "x".repeat(5000)];
  for (const guess of guesses) {
    assert.deepEqual(await looks(guess, [KEY]), { ...right, known: false }, guess.slice(0, 30));
  }
});

Deno.test("keys: all keys are compared, whether an earlier one was right or not", async () => {
  const others = ["first", KEY, "last"];
  const right = await looks(KEY, others);
  assert.equal(right.known, true);
  for (const guess of ["first", "last"]) assert.deepEqual(await looks(guess, others), right);
  assert.deepEqual(await looks("none", others), { ...right, known: false });
});

Deno.test("keys: an empty one in the bindings is nobody's, and bindings that change are followed", async () => {
  const keys = new ApiKeys();
  await assert.rejects(keys.check("Bearer x", [""]), { code: "invalid_api_key" });
  await assert.rejects(keys.check("Bearer ", [""]), { code: "missing_api_key" });
  await keys.check("Bearer x", ["x"]);
  await assert.rejects(keys.check("Bearer x", ["y"]), { code: "invalid_api_key" });
});
