/**
 * A divergence profile as an SVG picture.
 *
 * @module
 */
import { LorisError } from "../errors.ts";
import type { DivergenceProfile } from "./divergence.ts";
import { lazyBlocks, type LazyPlan } from "./plan.ts";

/** What stands beside the curves. */
export interface ChartOptions {
  /** Above the curves; plain text. */
  readonly title: string;
  /** That the profile is the mean of. */
  readonly pictures: number;
  /** Its lazy layers are shaded. */
  readonly plan?: LazyPlan;
}

/** Of the drawing area and its margins, in units of the picture's `viewBox`. */
const [LEFT, TOP, WIDTH, HEIGHT, RIGHT, BOTTOM] = [64, 82, 600, 260, 24, 50];
/** More numbers than this beside an axis would touch each other. */
const [MAX_LAYER_LABELS, MAX_TICKS] = [30, 6];

/** Readable on light and on dark pages: the viewer's preference, not the page, is what a picture can ask for. */
const STYLE = "text{fill:#1f2328}.back{fill:#fff}.grid{stroke:#c3ccd5}.block{fill:#e4e9ee}" +
  "polyline{fill:none;stroke-width:2}.visual polyline,.visual path{stroke-dasharray:6 4}" +
  ".all{stroke:#0969da;fill:#0969da}.visual{stroke:#bc4c00;fill:#bc4c00}" +
  "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.back{fill:#0d1117}.grid{stroke:#3d444d}.block{fill:#262c36}" +
  ".all{stroke:#4493f8;fill:#4493f8}.visual{stroke:#f0883e;fill:#f0883e}}";

const NAMES = { all: "all positions", visual: "visual positions only" } as const;
type Series = keyof typeof NAMES;

/**
 * A divergence profile as an SVG file: layers from left to right, nats upwards, one curve over all positions and one over
 * the visual ones.
 *
 * @throws {LorisError} `argument_invalid` for a profile without layers or with what is no divergence, or a plan for
 * another number of layers.
 */
export function divergenceChart(profile: DivergenceProfile, { title, pictures, plan }: ChartOptions): string {
  check(profile, plan);
  const layers = profile.all.length;
  const slot = WIDTH / layers;
  const ticks = yTicks(Math.max(...profile.all, ...profile.visual));
  const top = ticks.at(-1)!;
  const x = (layer: number) => LEFT + (layer - 0.5) * slot;
  const y = (nats: number) => TOP + HEIGHT - nats / top.value * HEIGHT;
  const parts = [
    ...blocks(plan, x, slot),
    ...ticks.map(({ value, label }) =>
      `<path class="grid" d="M${LEFT} ${fixed(y(value))}h${WIDTH}"/>` + text(LEFT - 8, y(value) + 4, label, "end")
    ),
    ...layerLabels(layers).map((layer) => text(x(layer), TOP + HEIGHT + 18, String(layer), "middle")),
    text(LEFT + WIDTH / 2, TOP + HEIGHT + 40, "decoder layer", "middle"),
    ...(["all", "visual"] as const).map((series) => curve(series, profile[series], x, y)),
  ];
  const of = `${pictures} ${pictures === 1 ? "picture" : "pictures"}`;
  const [width, height] = [LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" ` +
    `font-family="sans-serif" font-size="12"><title>${escape(title)}</title><style>${STYLE}</style>` +
    `<rect class="back" width="${width}" height="${height}"/>\n` +
    `<text x="16" y="24" font-size="16">${escape(title)}</text>\n` +
    text(16, 44, `Attention's Jensen-Shannon divergence from the layer before, in nats; mean of ${of}`, "start") +
    `\n${legend(plan)}\n${parts.join("\n")}</svg>\n`;
}

function check({ all, visual }: DivergenceProfile, plan: LazyPlan | undefined): void {
  const bad = (param: string, message: string) => new LorisError("argument_invalid", message, { param });
  if (all.length === 0 || visual.length !== all.length) {
    throw bad(
      "profile",
      `curves of ${all.length} and ${visual.length} layers cannot be drawn: wanted are as many, over 0`,
    );
  }
  const wrong = [...all, ...visual].find((nats) => !(nats >= 0 && nats < Infinity));
  if (wrong !== undefined) throw bad("profile", `${wrong} is no divergence: wanted are numbers from 0`);
  if (plan && plan.anchor.length !== all.length + 1) {
    throw bad("plan", `the plan has ${plan.anchor.length} layers, the profile is of ${all.length + 1}`);
  }
}

/** From 0 up to the first one that no value is above, in steps of 1, 2 or 5 at some power of ten. */
function yTicks(largest: number): { value: number; label: string }[] {
  // a profile of zeros has no scale of its own; ln 2 is the most that there can be
  const reach = largest || Math.LN2;
  const power = Math.floor(Math.log10(reach / (MAX_TICKS - 1)));
  const factor = [1, 2, 5, 10].find((f) => Math.ceil(reach / (f * 10 ** power)) < MAX_TICKS)!;
  const step = factor * 10 ** power;
  const decimals = Math.max(0, -power - (factor === 10 ? 1 : 0));
  return Array.from({ length: Math.ceil(reach / step) + 1 }, (_, i) => ({
    value: i * step,
    label: decimals > 6 ? (i * step).toExponential(0) : (i * step).toFixed(decimals),
  }));
}

function layerLabels(layers: number): number[] {
  const every = Math.ceil(layers / MAX_LAYER_LABELS);
  return Array.from({ length: Math.ceil(layers / every) }, (_, i) => 1 + i * every);
}

function blocks(plan: LazyPlan | undefined, x: (layer: number) => number, slot: number): string[] {
  return (plan ? lazyBlocks(plan) : []).map(({ anchor, last }) =>
    `<rect class="block" x="${fixed(x(anchor + 1) - slot / 2)}" y="${TOP}" width="${fixed((last - anchor) * slot)}" ` +
    `height="${HEIGHT}"><title>layers ${anchor + 1} to ${last} use the attention of layer ${anchor}</title></rect>`
  );
}

function curve(
  series: Series,
  values: readonly number[],
  x: (layer: number) => number,
  y: (nats: number) => number,
): string {
  const points = values.map((nats, i) => ({ nats, layer: i + 1, at: [x(i + 1), y(nats)] as const }));
  return `<g class="${series}"><polyline points="${points.map(({ at }) => at.map(fixed).join(",")).join(" ")}"/>` +
    points.map(({ nats, layer, at }) => mark(series, ...at, `layer ${layer}: ${Number(nats.toPrecision(4))} nats`))
      .join("") +
    "</g>";
}

/** Round for all positions and square for the visual ones, so that colour is not all that tells them apart. */
function mark(series: Series, x: number, y: number, title: string): string {
  const name = `<title>${escape(`${NAMES[series]}, ${title}`)}</title>`;
  return series === "all"
    ? `<circle cx="${fixed(x)}" cy="${fixed(y)}" r="3.5" stroke="none">${name}</circle>`
    : `<rect x="${fixed(x - 3)}" y="${fixed(y - 3)}" width="6" height="6" stroke="none">${name}</rect>`;
}

function legend(plan: LazyPlan | undefined): string {
  const row = 66;
  const entry = (series: Series, left: number) =>
    `<g class="${series}"><path d="M${left} ${row - 4}h28" stroke-width="2"/>${
      mark(series, left + 14, row - 4, "legend")
    }</g>` +
    text(left + 36, row, NAMES[series], "start");
  const lazy = plan && lazyBlocks(plan).length > 0
    ? `<rect class="block" x="336" y="${row - 12}" width="28" height="16"/>` +
      text(372, row, `lazy layers (${plan.mode}); their anchor is just before`, "start")
    : "";
  return entry("all", 16) + entry("visual", 156) + lazy;
}

function text(x: number, y: number, content: string, anchor: "start" | "middle" | "end"): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}">${escape(content)}</text>`;
}

function fixed(units: number): string {
  return String(Math.round(units * 10) / 10);
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
