import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type Operation, variantsOf } from "../../sdk/backend/webgpu/operation.ts";
import { OPERATIONS } from "../../sdk/backend/webgpu/operations.ts";
import { generated, shadersModule } from "../../tools/build_wgsl.ts";
import { disagreements, withoutRow } from "../../tools/check_wgsl.ts";
import { device } from "./gpu.ts";

const gpu = await device();
/** What this device has of what shaders enable, as they call it. */
const features = new Set<string>();
if (gpu?.features.has("shader-f16")) features.add("f16");
if (gpu?.features.has("subgroups")) features.add("subgroups");
const enabled = (text: string) => Array.from(text.matchAll(/^enable (\w+);$/gm), ([, name]) => name!);

Deno.test("the committed shaders are those of wgsl/", async () => {
  assert.equal(
    await readFile(generated, "utf8"),
    await shadersModule(),
    "run deno task wgsl and commit what it writes",
  );
});

Deno.test("every shader is in the table of operations, which agrees with its text", () => {
  assert.deepEqual(withoutRow(OPERATIONS), []);
  assert.deepEqual(OPERATIONS.flatMap(disagreements), []);
});

Deno.test({
  name: "a device compiles every variant of every shader that it has the features for",
  ignore: !gpu,
  async fn() {
    for (const operation of OPERATIONS) {
      for (const { constants, text } of variantsOf(operation)) {
        if (!enabled(text).every((name) => features.has(name))) continue;
        gpu!.pushErrorScope("validation");
        const module = gpu!.createShaderModule({ code: text });
        gpu!.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
        const error = await gpu!.popErrorScope();
        assert.equal(error, null, `${operation.name} ${JSON.stringify(constants)}: ${error?.message}`);
      }
    }
  },
});

const SOURCE = `struct Params { dst: u32, eps: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<f32>;
@group(0) @binding(2) var<storage, read> far: array<f32>;
#if FAR_X
#endif`;
const ROW: Operation = {
  name: "shader",
  source: SOURCE,
  params: { dst: "u32", eps: "f32" },
  buffers: ["write", "read"],
  constants: { FAR_X: [true] },
};

Deno.test("disagreements() finds none where row and shader agree", () => {
  assert.deepEqual(disagreements(ROW), []);
});

for (
  const [what, change, message] of [
    ["parameters in another order", { params: { eps: "f32", dst: "u32" } }, /struct Params .* table \{ eps: f32, dst/],
    ["a parameter of another type", { params: { dst: "u32", eps: "u32" } }, /struct Params/],
    ["a parameter too few", { params: { dst: "u32" } }, /struct Params/],
    ["a buffer that is only read", { buffers: ["read", "read"] }, /binding 1 is read_write, in the table read$/],
    ["a buffer that is written", { buffers: ["write", "write"] }, /binding 2 is read, in the table read_write/],
    ["a buffer too few", { buffers: ["write"] }, /binding 2 is read, in the table there is none/],
    ["a buffer too many", { buffers: ["write", "read", "read"] }, /no variant has the table's binding 3/],
    ["a constant of another name", { constants: { FAR: [true] } }, /the constant FAR does not occur/],
    ["no uniform struct", { source: SOURCE.replace("<uniform> p", "<uniform> q") }, /binding 0/],
  ] as const satisfies readonly (readonly [string, Partial<Operation>, RegExp])[]
) {
  Deno.test(`disagreements() names ${what}`, () => {
    const found = disagreements({ ...ROW, ...change });
    assert.ok(found.some((text) => message.test(text)), found.join("\n"));
  });
}

Deno.test("withoutRow() names a shader that nothing calls", () => {
  assert.deepEqual(withoutRow(OPERATIONS.filter(({ name }) => name !== "add")), ["add"]);
});
