/** Bundles the three shapes into `dist/`, with the compiled modules where the SDK looks for them and the model beside them. */
import { cp, mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** Which model to ship: the one that comes with the package, or a pair of your own. */
const MODEL = {
  text: import.meta.resolve("loris/models/nano/nano-text-q4_0.gguf"),
  vision: import.meta.resolve("loris/models/nano/nano-mmproj-q8_0.gguf"),
};

await rm("dist", { recursive: true, force: true });
await build({
  entryPoints: ["handler.ts", "node.ts", "lambda.ts"],
  outdir: "dist",
  // modules wherever they are put, without a package.json beside them
  outExtension: { ".js": ".mjs" },
  ...{ bundle: true, splitting: true, format: "esm", platform: "node", target: "node22", minify: true },
  logLevel: "warning",
});
for (
  const [from, to] of [
    [import.meta.resolve("loris/kernels.relaxed.wasm"), "dist/backend/wasm/kernels.relaxed.wasm"],
    [import.meta.resolve("loris/kernels.simd128.wasm"), "dist/backend/wasm/kernels.simd128.wasm"],
    [import.meta.resolve("loris/image.wasm"), "dist/image/image.wasm"],
    [MODEL.text, "dist/model/text.gguf"],
    [MODEL.vision, "dist/model/vision.gguf"],
  ]
) {
  await mkdir(dirname(to), { recursive: true });
  await cp(fileURLToPath(from), to);
}
