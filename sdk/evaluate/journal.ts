import { LorisError } from "../errors.ts";

/**
 * A finished piece of work. `configuration` names everything that the result follows from apart from the item (model, plan,
 * options), `item` the picture or question.
 */
export interface JournalEntry<T> {
  readonly configuration: string;
  readonly item: string;
  readonly result: T;
}

/** What a journal holds. */
export interface ParsedJournal<T> {
  /** By {@link journalKey}. */
  readonly entries: Map<string, JournalEntry<T>>;
  /** Bytes of whole lines. What comes after is the line that a run was writing when it ended, and is to be cut off. */
  readonly wholeBytes: number;
}

const NEWLINE = 0x0a;

/** An entry's key: the same for the same configuration and item only. */
export function journalKey(configuration: string, item: string): string {
  return JSON.stringify([configuration, item]);
}

/**
 * An entry as a line of a journal, with its line break.
 *
 * @throws {LorisError} `argument_invalid` if the result would not come back from JSON as one (NaN becomes null, for one).
 */
export function journalLine<T>(entry: JournalEntry<T>, isResult: (value: unknown) => value is T): string {
  const { configuration, item, result } = entry;
  const line = JSON.stringify({ configuration, item, result });
  if (!isResult(JSON.parse(line).result)) {
    const message = `the result of ${item} cannot be kept: ${line.slice(0, 200)} does not give it back`;
    throw new LorisError("argument_invalid", message, { param: "result" });
  }
  return line + "\n";
}

/**
 * Reads a journal: JSON lines, one for each finished piece of work. Bytes after the last line break are a line torn by the
 * end of a run, and are left out; they do not even count if they are whole, for the break is what says so.
 *
 * @param isResult Whether a value is a result of the work at hand, as it comes back from JSON.
 * @throws {LorisError} `file_invalid`, with file and line, for whatever else is in a whole line, or two lines of one key.
 */
export function parseJournal<T>(
  bytes: Uint8Array,
  name: string,
  isResult: (value: unknown) => value is T,
): ParsedJournal<T> {
  const wholeBytes = bytes.lastIndexOf(NEWLINE) + 1;
  const lines = new TextDecoder().decode(bytes.subarray(0, wholeBytes)).split("\n").slice(0, -1);
  const entries = new Map<string, JournalEntry<T>>();
  for (const [i, line] of lines.entries()) {
    const fail = (message: string): never => {
      throw new LorisError("file_invalid", `${name}:${i + 1}: ${message}; take the line out, or begin a new journal`, {
        param: name,
      });
    };
    const entry = parseEntry(line, isResult, fail);
    const key = journalKey(entry.configuration, entry.item);
    if (entries.has(key)) fail(`${key} is in the journal twice, two runs wrote to it at once`);
    entries.set(key, entry);
  }
  return { entries, wholeBytes };
}

function parseEntry<T>(
  line: string,
  isResult: (value: unknown) => value is T,
  fail: (message: string) => never,
): JournalEntry<T> {
  let value: Partial<JournalEntry<unknown>> | null;
  try {
    value = JSON.parse(line);
  } catch (error) {
    fail(`the line is no JSON: ${(error as Error).message}`);
  }
  const { configuration, item, result } = value ?? {};
  if (typeof configuration !== "string" || typeof item !== "string") {
    fail(`the line has no "configuration" and "item", it is none of a journal: ${line.slice(0, 80)}`);
  }
  if (!isResult(result)) fail("the result is none of this work, the journal is another command's or version's");
  return { configuration, item, result };
}
