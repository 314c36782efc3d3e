/** Bundled for a page: every variant of every shader, as the browser's own compiler takes it. */
import { wantedFeatures } from "../../sdk/backend/webgpu/capabilities.ts";
import { variantsOf } from "../../sdk/backend/webgpu/operation.ts";
import { OPERATIONS } from "../../sdk/backend/webgpu/operations.ts";

/** Of devices, by what a shader calls them. */
const FEATURES: Readonly<Record<string, GPUFeatureName>> = { f16: "shader-f16", subgroups: "subgroups" };

/** What the compiler says of the variants, warnings too, and how many there are. */
export async function compileAll(): Promise<{ variants: number; messages: string[] }> {
  const adapter = (await navigator.gpu.requestAdapter())!;
  const device = await adapter.requestDevice({ requiredFeatures: wantedFeatures(adapter) });
  const messages: string[] = [];
  let variants = 0;
  for (const operation of OPERATIONS) {
    for (const { constants, text } of variantsOf(operation)) {
      const [, feature] = /^enable (.*);/m.exec(text) ?? [];
      // tools/check_wgsl_tint.ts has a device with everything
      if (feature !== undefined && !device.features.has(FEATURES[feature]!)) continue;
      variants++;
      // what is wrong is in the module's own messages
      device.pushErrorScope("validation");
      const info = await device.createShaderModule({ code: text }).getCompilationInfo();
      await device.popErrorScope();
      const name = `${operation.name} ${JSON.stringify(constants)}`;
      messages.push(
        ...info.messages.map(({ type, lineNum, message }) => `${name}, line ${lineNum}: ${type}: ${message}`),
      );
    }
  }
  return { variants, messages };
}
