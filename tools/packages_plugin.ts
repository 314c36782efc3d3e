import { fileURLToPath } from "node:url";
import type { Plugin } from "npm:esbuild@0.28.2";

/** For bundles. There is no node_modules here: Deno keeps the packages, and says where. */
export const packages: Plugin = {
  name: "packages",
  setup: ({ onResolve }) => {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
      if (kind === "entry-point") return undefined;
      // asset.ts and file.ts ask for it only on Node and Deno
      if (path.startsWith("node:")) return { path, external: true };
      return { path: fileURLToPath(import.meta.resolve(path)) };
    });
  },
};
