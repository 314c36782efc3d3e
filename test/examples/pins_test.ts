/** What examples ask for is what the repository checks and tests them with. */
import assert from "node:assert/strict";
import { VERSION } from "../../sdk/version.ts";
import { COMPATIBILITY_DATE, MINIFLARE } from "../workerd/miniflare.ts";
import { ROOT } from "./copy.ts";

async function json(path: string) {
  return JSON.parse(await Deno.readTextFile(`${ROOT}${path}`));
}

const root = await json("deno.json");
const checkedWith: Record<string, string> = { ...root.imports, ...root.scopes["./examples/"] };

Deno.test("examples: Deno projects take this version of the SDK, and packages as they are checked", async () => {
  for (const name of ["alt-text", "deno-deploy"]) {
    const { imports } = await json(`examples/${name}/deno.json`);
    for (const [from, to] of Object.entries(imports as Record<string, string>)) {
      if (!from.startsWith("loris")) {
        assert.equal(to, checkedWith[from], `${name}: ${from}`);
        continue;
      }
      const path = from.slice("loris".length);
      assert.equal(to, `jsr:${root.name}@${VERSION}${path}`, name);
      assert.equal(checkedWith[from], root.exports[`.${path}`], from);
    }
  }
});

Deno.test("examples: npm projects take this version of the package, and packages as they are checked", async () => {
  const serverless = await json("examples/serverless/package.json");
  const worker = await json("examples/caption-worker/package.json");
  for (const { dependencies } of [serverless, worker]) {
    for (const [name, version] of Object.entries(dependencies)) {
      const wanted = name === "loris"
        ? `file:../../dist/loris-${VERSION}.tgz`
        : checkedWith[name]?.slice(`npm:${name}@`.length);
      assert.equal(version, wanted, name);
    }
  }
  assert.equal(worker.devDependencies.miniflare, MINIFLARE);
  const settings = await Deno.readTextFile(`${ROOT}examples/caption-worker/wrangler.jsonc`);
  assert.ok(settings.includes(`"compatibility_date": "${COMPATIBILITY_DATE}"`));
});
