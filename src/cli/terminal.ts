import process from "node:process";
import type { LoadProgress } from "../../sdk/model/weights.ts";
import { LorisError } from "../../sdk/errors.ts";

/** Writes to standard output. */
export function print(text: string): void {
  process.stdout.write(text);
}

/** A line for the person, on standard error, so that standard output stays the answer's alone. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** `code: message`, on one line. */
export function errorLine(error: unknown): string {
  const text = error instanceof LorisError
    ? `${error.code}: ${error.message}`
    : error instanceof Error
    ? `${error.name}: ${error.message}`
    : String(error);
  return text.replaceAll(/\s*\n\s*/g, " ");
}

/** Shows how far loading is: a line that rewrites itself on a terminal, one plain line at the end elsewhere. */
export class Progress {
  readonly #live = process.stderr.isTTY === true;
  readonly #doing: string;
  #shown = -1;

  constructor(doing = "loading") {
    this.#doing = doing;
  }

  update = ({ loadedBytes, totalBytes }: LoadProgress): void => {
    const percent = Math.floor(loadedBytes / totalBytes * 100);
    if (!this.#live || percent === this.#shown) return;
    this.#shown = percent;
    process.stderr.write(`\r${this.#doing} ${percent} %`);
  };

  done(summary: string): void {
    if (this.#live) this.clear();
    else note(summary);
  }

  clear(): void {
    if (this.#live) process.stderr.write("\r\x1b[K");
  }
}
