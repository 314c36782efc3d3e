/** The shaders in Chromium, whose compiler is not Deno's. Skipped, with a reason, where there is no Chromium. */
import assert from "node:assert/strict";
import { build, stop } from "npm:esbuild@0.28.2";
import { askSample, browser, exampleTest, facts, ignore, pathOf, site, wanted } from "./example.ts";

/** SwiftShader takes three minutes of processor time. */
const GPU_MS = 600_000;

Deno.test(
  { name: "Chromium compiles every variant of every shader that its GPU may have", ignore, sanitizeOps: false },
  async () => {
    const { outputFiles } = await build({
      ...{ entryPoints: [pathOf("test/browser/all_shaders.ts")], bundle: true, write: false },
      ...{ format: "iife", globalName: "shaders", logLevel: "error" },
    });
    await stop();
    const page = await browser!.newPage();
    await page.goto(`${site!.url}photos/rocket.jpg`);
    await page.addScriptTag({ content: outputFiles[0]!.text });
    const { variants, messages } = await page.evaluate(() =>
      (globalThis as unknown as { shaders: typeof import("./all_shaders.ts") }).shaders.compileAll()
    );
    await page.close();
    assert.ok(variants > 100, `only ${variants} variants were there`);
    assert.deepEqual(messages, []);
  },
);

exampleTest("example: on WebGPU the caption is the CPU's", async (visit) => {
  const page = await visit("?backend=webgpu");
  assert.equal(await askSample(page, "dogs_at_window.jpg", GPU_MS), wanted);
  const told = await facts(page);
  assert.equal(told["Computed by"], "GPU (webgpu)");
  assert.equal(told.Why, "webgpu: asked for (?backend=webgpu)");
});
