/** Requests that are nearly right. */
import type { Random } from "../../sdk/generate/random.ts";
import type { Json } from "./app.ts";

const VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1,
    0.5,
    1e300,
    -1e300,
    2 ** 53,
    "",
    "x",
    "\u0000",
    "\ud800",
    "<image>",
    "__proto__",
    [],
    {},
  ],
  ...[[[]], [null], { type: "text" }, { role: "user" }, { __proto__: null, constructor: 1 }, Array(1000).fill(0)],
  ...["data:", "data:,", "data:image/png;base64,iVBORw0KGgo=", "https://x.y/", "\u{10ffff}".repeat(50)],
];

/** A copy in which one node is another value, gone, or joined by a stranger. */
export function mutated(value: Json, random: Random): Json {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.uniform() * list.length)]!;
  const copy = structuredClone(value);
  const places: [Json, string][] = [];
  const walk = (node: Json) => {
    if (typeof node !== "object" || node === null) return;
    for (const key of Object.keys(node)) {
      places.push([node, key]);
      walk(node[key]);
    }
  };
  walk(copy);
  const [node, key] = pick(places);
  const how = random.uniform();
  if (how < 0.2 && !Array.isArray(node)) delete node[key];
  else if (how < 0.3 && !Array.isArray(node)) node[`${key}_x`] = pick(VALUES);
  else node[key] = pick(VALUES);
  return copy;
}
