import assert from "node:assert/strict";
import { planOf } from "../../sdk/lazy/plan.ts";
import { divergenceChart } from "../../sdk/lazy/divergence_chart.ts";

const PROFILE = { all: [0.2, 0.03, 0.04, 0.1], visual: [0.31, 0.05, 0.01, 0.12] };
const OPTIONS = { title: "nano", pictures: 200 };

/** Values of an attribute, for each element of a name. */
function attributes(svg: string, element: string, attribute: string): string[] {
  return [...svg.matchAll(new RegExp(`<${element}(?= )[^>]*? ${attribute}="([^"]*)"`, "g"))].map(([, value]) => value!);
}

/** Points of both curves, all positions first, in the picture's units. */
function curves(svg: string): number[][][] {
  return attributes(svg, "polyline", "points").map((points) => points.split(" ").map((p) => p.split(",").map(Number)));
}

/** Layer numbers and nats back from the points, by the labels of the axes. */
function readBack(svg: string): number[][] {
  const labels = [...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)" text-anchor="(\w+)">([\d.e-]+)<\/text>/g)]
    .map(([, x, y, anchor, label]) => ({ x: Number(x), y: Number(y), anchor, value: Number(label) }));
  const layers = labels.filter(({ anchor }) => anchor === "middle");
  const ticks = labels.filter(({ anchor }) => anchor === "end");
  const [zero, top] = [ticks[0]!, ticks.at(-1)!];
  return curves(svg).map((points) =>
    points.map(([x, y], i) => {
      assert.ok(Math.abs(layers[i]!.x - x!) < 0.2, "a point stands above its layer's number");
      // labels stand 4 units below their line
      return (zero.y - 4 - y!) / (zero.y - top.y) * top.value;
    })
  );
}

Deno.test("divergenceChart() draws both curves to the scale of its axes", () => {
  for (const scale of [1, 1e-3, 2, 0.17]) {
    const profile = { all: PROFILE.all.map((x) => x * scale), visual: PROFILE.visual.map((x) => x * scale) };
    const [all, visual] = readBack(divergenceChart(profile, OPTIONS));
    for (const [got, wanted] of [[all!, profile.all], [visual!, profile.visual]] as const) {
      assert.equal(got.length, 4);
      for (const [i, nats] of got.entries()) assert.ok(Math.abs(nats - wanted[i]!) < 0.001 * scale, `${nats}`);
    }
  }
});

Deno.test("divergenceChart() shades just the lazy layers of a plan", () => {
  const svg = divergenceChart(PROFILE, { ...OPTIONS, plan: planOf(5, [1, 3, 4], "vla") });
  // the legend's swatch, then the blocks
  const [, ...lefts] = attributes(svg, 'rect class="block"', "x").map(Number);
  const [, ...widths] = attributes(svg, 'rect class="block"', "width").map(Number);
  const xs = curves(svg)[0]!.map(([x]) => x!);
  const shaded = xs.map((x) => lefts.some((left, i) => x > left && x < left + widths[i]!));
  assert.deepEqual([lefts.length, shaded], [2, [true, false, true, true]]);
  assert.match(svg, /lazy layers \(vla\)/);
  for (const plan of [planOf(5, [], "gla"), undefined]) {
    const bare = divergenceChart(PROFILE, { ...OPTIONS, ...(plan ? { plan } : {}) });
    assert.equal(attributes(bare, 'rect class="block"', "x").length, 0);
    assert.doesNotMatch(bare, /lazy/);
  }
});

Deno.test("divergenceChart() keeps all within the picture, for any number of layers and any size of values", () => {
  for (const layers of [1, 2, 11, 29, 31, 95]) {
    for (const size of [0, 1e-9, 3e-4, 0.0999, 0.5, Math.LN2]) {
      const values = Array.from({ length: layers }, (_, i) => size * (i + 1) / layers);
      const svg = divergenceChart({ all: values, visual: values.toReversed() }, OPTIONS);
      const [, , width, height] = attributes(svg, "svg", "viewBox")[0]!.split(" ").map(Number);
      for (const [x, y] of curves(svg).flat()) {
        assert.ok(x! > 0 && x! < width! && y! > 0 && y! < height!, `${layers} layers of ${size}: ${x}, ${y}`);
      }
      const numbers = [...svg.matchAll(/text-anchor="middle">\d+</g)].length;
      assert.ok(numbers >= Math.min(layers, 15) && numbers <= 30, `${numbers} layer numbers for ${layers} layers`);
      const ticks = [...svg.matchAll(/text-anchor="end">([^<]*)</g)].map(([, label]) => label!);
      assert.ok(ticks.length >= 3 && ticks.length <= 6, `${ticks}`);
      assert.equal(new Set(ticks).size, ticks.length, `${ticks}`);
      assert.ok(ticks.every((label) => label.length <= 8), `${ticks}`);
    }
  }
});

Deno.test("divergenceChart() writes its title as text, whatever is in it", () => {
  const svg = divergenceChart(PROFILE, { ...OPTIONS, title: "<b> & co" });
  assert.equal(svg.match(/&lt;b> &amp; co</g)?.length, 2);
  assert.doesNotMatch(svg, /<b>/);
  assert.match(svg, /mean of 200 pictures/);
  assert.match(divergenceChart(PROFILE, { ...OPTIONS, pictures: 1 }), /mean of 1 picture</);
});

Deno.test("divergenceChart() refuses what it cannot draw", () => {
  const wrong = [
    { all: [], visual: [] },
    { all: [0.1], visual: [] },
    { all: [0.1], visual: [NaN] },
    { all: [-0.1], visual: [0] },
    { all: [Infinity], visual: [0] },
  ];
  for (const profile of wrong) {
    assert.throws(() => divergenceChart(profile, OPTIONS), { code: "argument_invalid", param: "profile" });
  }
  assert.throws(() => divergenceChart(PROFILE, { ...OPTIONS, plan: planOf(4, [1], "gla") }), {
    ...{ code: "argument_invalid", param: "plan" },
    message: /the plan has 4 layers, the profile is of 5/,
  });
});
