/** A target with all that it imports as one module, with counters. */
import { build, type Plugin } from "npm:esbuild@0.28.2";
import { packages } from "../../../tools/packages_plugin.ts";
import { instrument, type Instrumented } from "./instrument.ts";

/** What only judges a target is no part of it. */
const judges: Plugin = {
  name: "judges",
  setup: ({ onResolve }) => onResolve({ filter: /^npm:/ }, ({ path }) => ({ path, external: true })),
};

/** @param entry Path of the target's module. */
export async function bundled(entry: string): Promise<Instrumented> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "esnext",
    charset: "utf8",
    plugins: [judges, packages()],
    logLevel: "error",
  });
  return instrument(outputFiles[0]!.text);
}
