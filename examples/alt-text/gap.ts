/** A picture of a page without an alternative text. Offsets are of the page's text, in UTF-16 code units. */
export interface Gap {
  /** Of the picture, as the page has it. */
  readonly src: string;
  /** The whole of the tag or of the Markdown image. */
  readonly start: number;
  readonly end: number;
  /** What the alternative text takes the place of; nothing where both are the same. */
  readonly from: number;
  readonly to: number;
  /** An alternative text in the page's own language. */
  readonly written: (alt: string) => string;
}

/** The gap's part of the page, filled. */
export function filledGap(page: string, gap: Gap, alt: string): string {
  return page.slice(gap.start, gap.from) + gap.written(alt) + page.slice(gap.to, gap.end);
}

/** The page with its gaps filled; all else stays as it is. */
export function filledPage(page: string, alts: readonly (readonly [Gap, string])[]): string {
  let [text, at] = ["", 0];
  for (const [gap, alt] of alts.toSorted(([a], [b]) => a.start - b.start)) {
    text += page.slice(at, gap.start) + filledGap(page, gap, alt);
    at = gap.end;
  }
  return text + page.slice(at);
}
