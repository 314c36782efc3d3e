import { appendFileSync, closeSync, openSync, readFileSync, truncateSync } from "node:fs";
import { LorisError } from "../../sdk/errors.ts";
import { type JournalEntry, journalKey, journalLine, parseJournal } from "../../sdk/evaluate/journal.ts";

/**
 * Results on disk, a line each, so that a run which was cut short goes on where it was. Everything here is synchronous: a
 * line is with the system before the next result is worked on, and no two can mix.
 */
export class Journal<T> {
  readonly #path: string;
  readonly #isResult: (value: unknown) => value is T;
  readonly #entries: Map<string, JournalEntry<T>>;
  readonly #handle: number;
  #bytes: number;

  /**
   * Opens a journal, or begins one if the file is not there. A line torn by the end of the last run is cut off.
   *
   * @param isResult Whether a value is a result of the work at hand, as it comes back from JSON.
   * @throws {LorisError} `source_failed` if the file cannot be read or written; `file_invalid` if it is no journal of this
   * work.
   */
  constructor(path: string, isResult: (value: unknown) => value is T) {
    this.#path = path;
    this.#isResult = isResult;
    // opened first: a journal that cannot be written must fail before the work, and now the file is there
    this.#handle = attempt(path, "opened", () => openSync(path, "a"));
    try {
      const bytes = attempt(path, "read", () => readFileSync(path));
      const { entries, wholeBytes } = parseJournal(bytes, path, isResult);
      if (wholeBytes < bytes.length) attempt(path, "repaired", () => truncateSync(path, wholeBytes));
      this.#entries = entries;
      this.#bytes = wholeBytes;
    } catch (error) {
      closeSync(this.#handle);
      throw error;
    }
  }

  /** The result of a configuration and item, if it is there already. */
  get(configuration: string, item: string): T | undefined {
    return this.#entries.get(journalKey(configuration, item))?.result;
  }

  /** Results of one configuration, in the order in which they were added. */
  results(configuration: string): JournalEntry<T>[] {
    return [...this.#entries.values()].filter((entry) => entry.configuration === configuration);
  }

  /**
   * Writes a result.
   *
   * @throws {LorisError} `argument_invalid` if it is there already or JSON cannot hold it, `source_failed` if it cannot be
   * written.
   */
  add(entry: JournalEntry<T>): void {
    const key = journalKey(entry.configuration, entry.item);
    if (this.#entries.has(key)) {
      throw new LorisError("argument_invalid", `${this.#path} has a result of ${key} already`, { param: "entry" });
    }
    const line = new TextEncoder().encode(journalLine(entry, this.#isResult));
    attempt(this.#path, "written", () => this.#append(line));
    this.#bytes += line.length;
    this.#entries.set(key, entry);
  }

  close(): void {
    closeSync(this.#handle);
  }

  #append(line: Uint8Array): void {
    try {
      appendFileSync(this.#handle, line);
    } catch (error) {
      // a full disk takes a part of the line, and the next line must not be joined to that
      truncateSync(this.#path, this.#bytes);
      throw error;
    }
  }
}

function attempt<R>(path: string, what: string, action: () => R): R {
  try {
    return action();
  } catch (cause) {
    const message = `the journal ${path} cannot be ${what}: ${(cause as Error).message}`;
    throw new LorisError("source_failed", message, { param: path, cause });
  }
}
