import type { NewRows } from "../lazy/cache.ts";

/** What rows are, and where they stand. */
export interface RowKind {
  readonly visual: boolean;
  /** Position of each row, ascending, counted from the next free one; 0, 1, 2 ... if left out. */
  readonly positions?: ArrayLike<number> | undefined;
  /** Positions that they take in all; as many as there are rows, if left out. */
  readonly span?: number | undefined;
  /** The first so many are in the cache already; they are passed over, with their positions. 0 if left out. */
  readonly skipped?: number | undefined;
}

/** Rows of a prompt that wait for a forward pass: hidden states in the backend's memory, and what belongs to each. */
export class Chunk {
  /** Address of f32 [maxRows, width]. */
  readonly address: number;
  readonly #rowBytes: number;
  readonly #maxRows: number;
  readonly #visual: Uint8Array;
  readonly #positions: Int32Array;
  #rows = 0;
  /** Position of the next row. */
  #next = 0;

  constructor(address: number, maxRows: number, rowBytes: number) {
    this.address = address;
    this.#maxRows = maxRows;
    this.#rowBytes = rowBytes;
    this.#visual = new Uint8Array(maxRows);
    this.#positions = new Int32Array(maxRows);
  }

  /** Drops what is there; the next row stands at `position`. */
  begin(position: number): void {
    this.#rows = 0;
    this.#next = position;
  }

  /** The rows that wait, for a span. */
  get waiting(): Required<NewRows> {
    const rows = this.#rows;
    return { rows, visual: this.#visual.subarray(0, rows), positions: this.#positions.subarray(0, rows) };
  }

  /** Address of the last row that waits. */
  get lastRow(): number {
    return this.address + (this.#rows - 1) * this.#rowBytes;
  }

  /**
   * Adds rows, and empties the chunk whenever it is full.
   *
   * @param put Writes `rows` rows, from row `from` of those to be added, at an address.
   * @param flush Runs the rows that wait.
   */
  async add(
    count: number,
    { visual, positions, span = count, skipped = 0 }: RowKind,
    put: (address: number, from: number, rows: number) => void,
    flush: () => Promise<void>,
  ): Promise<void> {
    for (let from = skipped; from < count;) {
      if (this.#rows === this.#maxRows) {
        await flush();
        this.#rows = 0;
      }
      const rows = Math.min(count - from, this.#maxRows - this.#rows);
      put(this.address + this.#rows * this.#rowBytes, from, rows);
      for (let i = 0; i < rows; i++, this.#rows++) {
        this.#visual[this.#rows] = visual ? 1 : 0;
        this.#positions[this.#rows] = this.#next + (positions?.[from + i] ?? from + i);
      }
      from += rows;
    }
    this.#next += span;
  }
}
