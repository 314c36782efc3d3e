import { countTexts, type KvCache, type NewRows } from "../lazy/cache.ts";

/** Rows that belong to one conversation: they continue its cache. */
export interface Span extends NewRows {
  readonly cache: KvCache;
  /**
   * The rows whose hidden states someone will read: of the others the last layer computes keys and values alone, and
   * leaves in their places what it was given.
   */
  readonly wanted: "all" | "last" | "none";
}

/** Text rows among the rows of a part or run. `first` counts the text rows of all spans before them. */
export interface TextRows {
  readonly first: number;
  readonly rows: number;
}

/** Rows that follow each other, all of one conversation; rows are counted from the first of all spans. */
export interface Part {
  readonly cache: KvCache;
  readonly row: number;
  readonly rows: number;
  /** Slot of the first of them in the conversation's cache. */
  readonly slot: number;
  readonly text: TextRows;
  /** Text slots of the cache before the first row. */
  readonly textSlot: number;
}

/** Parts whose rows follow each other without a gap, so that they go through a matrix together. */
export interface Run {
  readonly row: number;
  readonly rows: number;
  readonly parts: readonly Part[];
  readonly text: TextRows;
}

/**
 * Every row of the spans, in one run.
 *
 * @throws {LorisError} `context_overflow` if a cache has no room for its rows.
 */
export function allRows(spans: readonly Span[]): Run {
  let [row, first] = [0, 0];
  const parts = spans.map((span): Part => {
    span.cache.check(span);
    const text = { first, rows: countTexts(span) };
    const part = {
      cache: span.cache,
      row,
      rows: span.rows,
      slot: span.cache.length,
      text,
      textSlot: span.cache.textLength,
    };
    row += span.rows;
    first += text.rows;
    return part;
  });
  return { row: 0, rows: row, parts, text: { first: 0, rows: first } };
}

/** The rows of text, counted from the first of all spans. */
export function textRowsOf(spans: readonly Span[]): number[] {
  const rows: number[] = [];
  let start = 0;
  for (const { rows: count, visual } of spans) {
    for (let row = 0; row < count; row++) if (!visual?.[row]) rows.push(start + row);
    start += count;
  }
  return rows;
}

/** The wanted rows, in as few runs as they make. */
export function wantedRows(spans: readonly Span[]): Run[] {
  const runs: { row: number; rows: number; parts: Part[]; text: { first: number; rows: number } }[] = [];
  for (const [i, part] of allRows(spans).parts.entries()) {
    const span = spans[i]!;
    const rows = span.wanted === "all" ? part.rows : span.wanted === "last" ? 1 : 0;
    if (rows === 0) continue;
    const kept = lastRows(part, span, rows);
    const run = runs.at(-1);
    if (run !== undefined && run.row + run.rows === kept.row) {
      run.rows += rows;
      run.text.rows += kept.text.rows;
      run.parts.push(kept);
    } else {
      runs.push({ row: kept.row, rows, parts: [kept], text: { ...kept.text } });
    }
  }
  return runs;
}

/** The last rows of a part. */
function lastRows(part: Part, span: Span, rows: number): Part {
  const skipped = part.rows - rows;
  const texts = countTexts(span, skipped);
  const skippedTexts = part.text.rows - texts;
  return {
    cache: part.cache,
    row: part.row + skipped,
    rows,
    slot: part.slot + skipped,
    text: { first: part.text.first + skippedTexts, rows: texts },
    textSlot: part.textSlot + skippedTexts,
  };
}
