import assert from "node:assert/strict";
import { cutTile, tileCount, tilePlan } from "../../sdk/image/tiles.ts";

type Case = [tile: number, longestEdge: number, width: number, height: number, rows: number, columns: number];
const cases: Case[] = JSON.parse(await Deno.readTextFile(new URL("vectors/tiles.json", import.meta.url)));
const options = { tile: 512, longestEdge: 2048, maxTiles: 1000 };

Deno.test("tilePlan(high) cuts as transformers' Idefics3 image processor does, for many sizes, tiles and edges", () => {
  assert.ok(cases.length > 200);
  for (const [tile, longestEdge, width, height, rows, columns] of cases) {
    const plan = tilePlan("high", width, height, { tile, longestEdge, maxTiles: 1000 });
    const what = `${width} x ${height}, tile ${tile}, edge ${longestEdge}`;
    assert.deepEqual(plan, { rows, columns, width: columns * tile, height: rows * tile }, what);
    assert.equal(tileCount(plan), rows * columns + 1);
  }
});

Deno.test("tilePlan(low), and high where the longest edge is one tile, look at the whole only", () => {
  for (
    const plan of [tilePlan("low", 4000, 3000, options), tilePlan("high", 640, 480, { ...options, longestEdge: 512 })]
  ) {
    assert.deepEqual(plan, { rows: 0, columns: 0, width: 0, height: 0 });
    assert.equal(tileCount(plan), 1);
  }
});

Deno.test("tilePlan() keeps to maxTiles by lowering the longest edge, down to the overview alone", () => {
  for (const [, , width, height] of cases) {
    let before = Infinity;
    for (const maxTiles of [17, 13, 10, 5, 3, 2, 1]) {
      const count = tileCount(tilePlan("high", width, height, { ...options, maxTiles }));
      assert.ok(count <= maxTiles && count <= before, `${width} x ${height}: ${count} tiles for ${maxTiles}`);
      before = count;
    }
  }
  assert.throws(() => tilePlan("high", 9, 9, { ...options, maxTiles: 0 }), { code: "argument_invalid" });
});

Deno.test("cutTile() gives every pixel of the picture once", () => {
  const plan = { rows: 2, columns: 3, width: 6, height: 4 };
  const rgb = Uint8Array.from({ length: 6 * 4 * 3 }, (_, i) => i);
  const tiles = [0, 1].flatMap((row) => [0, 1, 2].map((column) => cutTile(rgb, plan, row, column)));
  assert.deepEqual([...tiles[0]!], [0, 1, 2, 3, 4, 5, 18, 19, 20, 21, 22, 23]);
  assert.deepEqual(tiles.flatMap((t) => [...t]).sort((a, b) => a - b), [...rgb]);
});
