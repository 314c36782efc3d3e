/** Bundled for a page: every variant of every shader, as the browser's own compiler takes it. */
import { variantsOf } from "../../sdk/backend/webgpu/operation.ts";
import { OPERATIONS } from "../../sdk/backend/webgpu/operations.ts";

/** What the compiler says of the variants, warnings too, and how many there are. */
export async function compileAll(): Promise<{ variants: number; messages: string[] }> {
  const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
  const messages: string[] = [];
  let variants = 0;
  for (const operation of OPERATIONS) {
    for (const { constants, text } of variantsOf(operation)) {
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
