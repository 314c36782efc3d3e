import type { KvCache } from "../lazy/cache.ts";

/** Rows that belong to one conversation: they continue its cache. */
export interface Span {
  readonly cache: KvCache;
  readonly rows: number;
  /**
   * The rows whose hidden states someone will read: of the others the last layer computes keys and values alone, and
   * leaves in their places what it was given.
   */
  readonly wanted: "all" | "last" | "none";
}

/** Rows that follow each other, all of one conversation; rows are counted from the first of all spans. */
export interface Part {
  readonly cache: KvCache;
  readonly row: number;
  readonly rows: number;
  /** Position of the first of them in the conversation. */
  readonly position: number;
}

/** Parts whose rows follow each other without a gap, so that they go through a matrix together. */
export interface Run {
  readonly row: number;
  readonly rows: number;
  readonly parts: readonly Part[];
}

/** Every row of the spans, in one run. */
export function allRows(spans: readonly Span[]): Run {
  let row = 0;
  const parts = spans.map(({ cache, rows }) => {
    const part = { cache, row, rows, position: cache.length };
    row += rows;
    return part;
  });
  return { row: 0, rows: row, parts };
}

/** The wanted rows, in as few runs as they make. */
export function wantedRows(spans: readonly Span[]): Run[] {
  const runs: { row: number; rows: number; parts: Part[] }[] = [];
  for (const [i, part] of allRows(spans).parts.entries()) {
    const { wanted } = spans[i]!;
    const rows = wanted === "all" ? part.rows : wanted === "last" ? 1 : 0;
    if (rows === 0) continue;
    const skipped = part.rows - rows;
    const kept = { cache: part.cache, row: part.row + skipped, rows, position: part.position + skipped };
    const run = runs.at(-1);
    if (run !== undefined && run.row + run.rows === kept.row) {
      run.rows += rows;
      run.parts.push(kept);
    } else {
      runs.push({ row: kept.row, rows, parts: [kept] });
    }
  }
  return runs;
}
