import assert from "node:assert/strict";
import { LorisError } from "../../sdk/errors.ts";
import { readAsset } from "../../sdk/platform/asset.ts";

const here = new URL(import.meta.url);

/** Runs `body` while the global names in `hidden` have these other values. */
async function withGlobals(hidden: Record<string, unknown>, body: () => Promise<void>): Promise<void> {
  const before = new Map<string, PropertyDescriptor | undefined>();
  for (const [name, value] of Object.entries(hidden)) {
    before.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  try {
    await body();
  } finally {
    for (const [name, descriptor] of before) {
      if (descriptor) Object.defineProperty(globalThis, name, descriptor);
      else delete (globalThis as Record<string, unknown>)[name];
    }
  }
}

Deno.test("readAsset() reads a file: URL with Deno's reader", async () => {
  assert.deepEqual(await readAsset(here), await Deno.readFile(here));
});

Deno.test("readAsset() reads a file: URL through process.getBuiltinModule where there is no Deno", async () => {
  const want = await Deno.readFile(here);
  const files = await import("node:fs/promises");
  const asked: string[] = [];
  const getBuiltinModule = (name: string) => (asked.push(name), files);
  await withGlobals({ Deno: undefined, process: { getBuiltinModule } }, async () => {
    const got = await readAsset(here);
    assert.equal(Object.getPrototypeOf(got), Uint8Array.prototype);
    assert.deepEqual(got, want);
  });
  assert.deepEqual(asked, ["node:fs/promises"]);
});

Deno.test("readAsset() fetches a file: URL where no runtime reader exists", async () => {
  const want = await Deno.readFile(here);
  await withGlobals({ Deno: undefined, process: undefined }, async () => {
    assert.deepEqual(await readAsset(here), want);
  });
});

Deno.test("readAsset() fetches any URL that is not file:", async () => {
  assert.deepEqual(
    await readAsset(new URL("data:application/wasm;base64,AGFzbQ==")),
    new Uint8Array([0, 97, 115, 109]),
  );
});

Deno.test("readAsset() names the URL of a missing file", async () => {
  const url = new URL("./no-such-asset.wasm", import.meta.url);
  await assert.rejects(readAsset(url), (error: unknown) => {
    assert.ok(error instanceof LorisError);
    assert.equal(error.code, "source_failed");
    assert.match(error.message, /no-such-asset\.wasm cannot be read/);
    return true;
  });
});

Deno.test("readAsset() reports an HTTP status that is not a success", async () => {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => new Response("no", { status: 404 }),
  );
  try {
    await assert.rejects(
      readAsset(new URL(`http://127.0.0.1:${server.addr.port}/kernels.wasm`)),
      (error: unknown) => error instanceof LorisError && /HTTP status 404/.test(error.message),
    );
  } finally {
    await server.shutdown();
  }
});

Deno.test("readAsset() throws the signal's own reason", async () => {
  const reason = new Error("stop");
  await assert.rejects(readAsset(here, AbortSignal.abort(reason)), (error: unknown) => error === reason);
});
