/**
 * Makes `src/service/generated/page.ts` of `src/page/`: the page with its style and its script inside, and their hashes for
 * the page's policy. A module is the one form that Deno, Node and every bundler load as it is; it is committed, so that
 * nobody needs this tool to run the service. `test/service/page_test.ts` fails if it is not what this makes.
 *
 * Usage: deno task page
 */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, stop } from "npm:esbuild@0.28.2";

const source = new URL("../src/page/", import.meta.url);
const target = new URL("../src/service/generated/page.ts", import.meta.url);

/** The module's text. */
export async function pageModule(): Promise<string> {
  const [script, style] = await Promise.all([minified("client.ts"), minified("style.css")]);
  await stop();
  const html = (await readFile(new URL("index.html", source), "utf8")).replace(/\n\s*/g, "\n")
    .replace("<style></style>", () => `<style>${style}</style>`)
    .replace("<script></script>", () => `<script>${script}</script>`);
  const page = { html, scriptHash: await hash(script), styleHash: await hash(style) };
  return `// Made by tools/build_page.ts of src/page/; changes go there.\nexport const PAGE = ${
    JSON.stringify(page)
  };\n`;
}

async function minified(file: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(file, source))],
    ...{ bundle: true, minify: true, write: false, format: "iife", charset: "utf8", logLevel: "error" },
    target: ["es2022", "safari16", "chrome110", "firefox115"],
  });
  return outputFiles[0]!.text.trim();
}

/** As a Content-Security-Policy names what stands in the page (CSP level 3, 2.3.1). */
async function hash(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return `sha256-${btoa(String.fromCharCode(...digest))}`;
}

if (import.meta.main) await writeFile(target, await pageModule());
