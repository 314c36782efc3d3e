/** Whoever looks up a code finds it. */
import assert from "node:assert/strict";

const read = (path: string) => Deno.readTextFile(new URL(`../../${path}`, import.meta.url));
/** First cells of a document's tables, which hold a code. */
const listed = (markdown: string) => [...markdown.matchAll(/^\| `([a-z_]+)`/gm)].map(([, code]) => code!);

Deno.test("docs/troubleshooting.md lists every code of LorisError, and no other", async () => {
  const source = await read("sdk/errors.ts");
  const codes = [...source.matchAll(/\| "([a-z_]+)"/g)].map(([, code]) => code!);
  assert.ok(codes.includes("memory_budget"));
  assert.deepEqual(listed(await read("docs/troubleshooting.md")), codes);
});

Deno.test("docs/service.md lists every code that the service answers with", async () => {
  const codes = new Set<string>();
  for await (const { name } of Deno.readDir(new URL("../../src/service/", import.meta.url))) {
    if (!name.endsWith(".ts")) continue;
    const source = await read(`src/service/${name}`);
    for (const [, code] of source.matchAll(/new ApiError\(\s*\d+,\s*"([a-z_]+)"/g)) codes.add(code!);
    for (const [, code] of source.matchAll(/: \[\d+, "([a-z_]+)"\]/g)) codes.add(code!);
  }
  assert.ok(codes.size > 10);
  const page = await read("docs/service.md");
  assert.deepEqual([...codes].filter((code) => !page.includes(`\`${code}\``)), []);
});
