/**
 * Validates every variant of every shader with Tint, Chromium's compiler, which refuses what naga lets pass: barriers that
 * not all lanes are sure to reach, and operators mixed without parentheses. Tint comes with Dawn's bindings for Node, and
 * runs here over a device that computes nothing; no GPU is needed. Exit status 1 if a shader is refused.
 *
 * Usage: deno task wgsl:tint
 */
import { create } from "npm:webgpu@0.6.2";
import { wantedFeatures } from "../sdk/backend/webgpu/capabilities.ts";
import { variantsOf } from "../sdk/backend/webgpu/operation.ts";
import { OPERATIONS } from "../sdk/backend/webgpu/operations.ts";
import { variantName } from "./check_wgsl.ts";

/** What Tint must refuse, or it is not asked at all. */
const WRONG = `@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) lane: u32) {
  if (lane < 3u) { workgroupBarrier(); }
}`;

// held, or it would end with its devices
const gpu = create(["backend=null"]);
const adapter = await gpu.requestAdapter();
if (!adapter) throw new Error("Dawn gives no adapter that computes nothing");
const device: GPUDevice = await adapter.requestDevice({ requiredFeatures: wantedFeatures(adapter) });

/** Tint's messages, each with the line that it is about. */
async function complaints(text: string): Promise<string[]> {
  device.pushErrorScope("validation");
  const { messages } = await device.createShaderModule({ code: text }).getCompilationInfo();
  await device.popErrorScope();
  const lines = text.split("\n");
  return Array.from(messages, ({ type, message, lineNum }) => `${type}: ${message}\n  ${lines[lineNum - 1] ?? ""}`);
}

if ((await complaints(WRONG)).length === 0) throw new Error("Tint finds nothing wrong with what it must refuse");
let [shaders, wrong] = [0, 0];
for (const operation of OPERATIONS) {
  for (const { constants, text } of variantsOf(operation)) {
    shaders++;
    const found = await complaints(text);
    if (found.length === 0) continue;
    wrong++;
    // deno-lint-ignore no-console -- what the tool is for
    console.error([variantName(operation.name, constants), ...found].join("\n"));
  }
}
// deno-lint-ignore no-console -- what the tool is for
console.log(`${shaders} shaders, of which Tint complains about ${wrong}`);
// Dawn's threads would keep the process
Deno.exit(wrong === 0 ? 0 : 1);
