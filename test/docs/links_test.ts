/** Links between the repository's documents lead somewhere. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { documents, ROOT } from "./blocks.ts";

/** Anchors of a document's headings, as hosts make them. */
function anchorsOf(markdown: string): string[] {
  const headings = markdown.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/^#+ (.+)$/gm);
  return Array.from(
    headings,
    ([, heading]) => heading!.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-"),
  );
}

Deno.test("every relative link of every document names a file, and a heading of it, that are there", async () => {
  const broken: string[] = [];
  let links = 0;
  for (const file of await documents()) {
    const markdown = await Deno.readTextFile(join(ROOT, file));
    // links that are shown as code are examples
    const prose = markdown.replace(/^```[\s\S]*?^```$/gm, "").replace(/`[^`\n]*`/g, "");
    for (const [, target] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      links++;
      const [path, anchor] = target!.split("#") as [string, string?];
      const linked = path === "" ? file : join(dirname(file), path);
      const text = await Deno.stat(join(ROOT, linked)).then(
        ({ isFile }) => isFile && linked.endsWith(".md") ? Deno.readTextFile(join(ROOT, linked)) : "",
        () => undefined,
      );
      if (text === undefined || (anchor !== undefined && !anchorsOf(text).includes(anchor))) {
        broken.push(`${file}: ${target}`);
      }
    }
  }
  assert.ok(links > 20, `${links} links`);
  assert.deepEqual(broken, []);
});
