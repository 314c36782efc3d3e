import { fileURLToPath } from "node:url";
import type { Plugin } from "npm:esbuild@0.28.2";

const STAND_IN = `
import { LorisError } from "./errors.ts";
export const openWebGpu = () =>
  Promise.reject(
    new LorisError("gpu_unavailable", 'this bundle was made without WebGPU; use backend: "wasm"', { param: "backend" }),
  );
`;

/** Leaves the GPU's shaders out of a bundle for a runtime that has no GPU; `backend: "webgpu"` is refused there. */
export const withoutGpu: Plugin = {
  name: "without WebGPU",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /\/webgpu\/open\.ts$/ }, () => ({ path: "webgpu", namespace: "absent" }));
    onLoad({ filter: /./, namespace: "absent" }, () => ({
      ...{ contents: STAND_IN, loader: "ts", resolveDir: fileURLToPath(new URL("../sdk", import.meta.url)) },
    }));
  },
};
