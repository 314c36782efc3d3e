/** Pictures as `data:` URLs: what `fetch` reads, and nothing else. */
import assert from "node:assert/strict";
import { readImageBytes } from "../../../sdk/image/input.ts";
import { bytesOf, orRefusal, type Target } from "../target.ts";

async function expected(url: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await (await fetch(url)).arrayBuffer());
  } catch {
    return undefined;
  }
}

export const target: Target = {
  seeds: [
    "data:image/png;base64,iVBORw0KGgo=",
    "data:image/png;base64,iVBO%52w0KGgo%3D",
    " DATA:;charset=x;BASE64 , QU JD\n",
    "data:,a%20b%zz#c",
    "data:image/svg+xml;utf8,<svg xmlns='x'>é</svg>",
    "data:;base64;x,QUJD",
    "https://example.com/a.png",
  ].map(bytesOf),
  words: ["data:", ";base64,", ";base64", "%3D", "%", "#", ",", "\n", "\t", " ", "=", "\u0000", "é"],
  maxBytes: 256,
  async run(input) {
    const url = new TextDecoder().decode(input);
    const bytes = await orRefusal(() => readImageBytes(url, 128));
    // others must not be asked for
    if (!/^[\0-\x20]*data:/i.test(url.replaceAll(/[\t\n\r]/g, ""))) return assert.equal(bytes, undefined);
    // Deno's own reader doubles characters before a percent sign that begins no byte; and where the comma is in a query or in a
    // path with slashes, spaces before it are written as %20, so that no base64 is seen
    if (/%(?![0-9a-f]{2})|^[^,]*\?|^[^:]*:[\t\n\r]*\//i.test(url)) return;
    const right = await expected(url);
    if (bytes) assert.deepEqual(bytes, right);
    else assert.ok(right === undefined || right.length === 0 || right.length > 128 || url.length > 512, "refused");
  },
};
