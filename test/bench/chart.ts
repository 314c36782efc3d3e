/** A bar of a length, and an outline of the length that it is compared with. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly outline: number;
  /** Written beside the bar. */
  readonly label: string;
}

const [LEFT, WIDTH, RIGHT, ROW] = [270, 420, 190, 30];

/** Readable on light and on dark pages: the viewer's preference, not the page, is what a picture can ask for. */
const STYLE = "text{fill:#1f2328}.back{fill:#fff}.bar{fill:#2f7fd6}.outline{fill:none;stroke:#6e7781}" +
  "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.back{fill:#0d1117}.bar{fill:#4493f8}.outline{stroke:#9198a1}}";

/** Bars (filled) within or beyond what they are compared with (outline), as an SVG file. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const longest = Math.max(...bars.flatMap((bar) => [bar.value, bar.outline]), Number.MIN_VALUE);
  const scaled = (value: number) => (value / longest * WIDTH).toFixed(1);
  const rows = bars.map(({ name, value, outline, label }, i) => {
    const y = 40 + i * ROW;
    return `<text x="${LEFT - 10}" y="${y + 14}" text-anchor="end">${escape(name)}</text>` +
      `<rect class="bar" x="${LEFT}" y="${y}" width="${scaled(value)}" height="18"/>` +
      `<rect class="outline" x="${LEFT}" y="${y}" width="${scaled(outline)}" height="18"/>` +
      `<text x="${LEFT + WIDTH + 10}" y="${y + 14}">${escape(label)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${LEFT + WIDTH + RIGHT} ${50 + bars.length * ROW}" ` +
    `font-family="sans-serif" font-size="13"><style>${STYLE}</style><rect class="back" width="100%" height="100%"/>` +
    `<text x="10" y="22" font-size="15">${escape(title)}</text>\n${rows.join("\n")}</svg>\n`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
