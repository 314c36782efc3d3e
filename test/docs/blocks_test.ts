import assert from "node:assert/strict";
import { blocksIn, blocksOf, documents } from "./blocks.ts";

Deno.test("blocksOf() finds fences, their lines, languages and needs", () => {
  const markdown = "a\n\n```sh\nls\n```\n\n```ts needs: a GPU\nlet x;\n\nx;\n```\n";
  assert.deepEqual(blocksOf("a.md", markdown), [
    { file: "a.md", line: 4, language: "sh", needs: undefined, text: "ls\n" },
    { file: "a.md", line: 8, language: "ts", needs: "a GPU", text: "let x;\n\nx;\n" },
  ]);
});

Deno.test("every fence of every document has a language that a test runs, or that is no code", async () => {
  const files = await documents();
  assert.ok(files.includes("README.md") && files.includes("docs/service.md"), String(files));
  const known = ["sh", "ts", "js", "json", "jsonc", "text", "html"];
  for (const file of files) {
    const markdown = await Deno.readTextFile(new URL(`../../${file}`, import.meta.url));
    const fences = markdown.match(/^```.*$/gm) ?? [];
    const found = blocksOf(file, markdown);
    assert.equal(fences.length, 2 * found.length, `${file} has a fence without a language`);
    for (const { language, line } of found) assert.ok(known.includes(language), `${file}:${line}: ${language}`);
  }
  assert.ok((await blocksIn(files, ["sh"])).length > 10);
});
