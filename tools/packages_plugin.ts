import { fileURLToPath } from "node:url";
import type { Plugin } from "npm:esbuild@0.28.2";

/** For bundles: packages are bundled, or left to be imported. There is no node_modules here: Deno keeps them, and says where. */
export function packages(bundled = true): Plugin {
  return {
    name: "packages",
    setup: ({ onResolve }) => {
      onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
        if (kind === "entry-point") return undefined;
        // asset.ts and file.ts ask for node: only on Node and Deno
        if (path.startsWith("node:") || !bundled) return { path, external: true };
        return { path: fileURLToPath(import.meta.resolve(path)) };
      });
    },
  };
}
