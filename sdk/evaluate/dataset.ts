import { LorisError } from "../errors.ts";

/** A picture and what people say of it: a line of a captions file. */
export interface CaptionItem {
  /** Path of the picture within the folder of pictures. */
  readonly file: string;
  /** At least one. */
  readonly captions: readonly string[];
  /** In its file, from 1; for messages. */
  readonly line: number;
}

/** A question about a picture and its answer: a line of a questions file. */
export interface QuestionItem {
  /** Path of the picture within the folder of pictures. */
  readonly file: string;
  readonly question: string;
  readonly answer: string;
  /** In its file, from 1; for messages. */
  readonly line: number;
}

type Fields = Readonly<Record<string, unknown>>;
type Fail = (message: string) => never;

/**
 * Captions from JSON lines such as `{ "file": "a.jpg", "captions": ["A dog runs."] }`, a picture each; other fields are
 * let be, as are empty lines.
 *
 * @param name Of the file, for messages.
 * @throws {LorisError} `file_invalid`, with file and line, for whatever else is in a line, a picture that has a line
 * already, or no line at all.
 */
export function parseCaptions(text: string, name: string): CaptionItem[] {
  const lines = new Map<string, number>();
  return parseLines(text, name, (fields, line, fail) => {
    const file = pictureFile(fields, fail);
    const { captions } = fields;
    if (!Array.isArray(captions) || captions.length === 0 || !captions.every(isText)) {
      fail(`"captions" must be an array of one text or more, it is ${shown(captions)}`);
    }
    if (lines.has(file)) fail(`the picture ${shown(file)} is in line ${lines.get(file)} already`);
    lines.set(file, line);
    return { file, captions: captions as string[], line };
  });
}

/**
 * Questions from JSON lines such as `{ "file": "a.jpg", "question": "Is there a dog?", "answer": "Yes" }`; a picture may
 * have several. A question that comes twice counts twice, as in the scores of whoever published the file; only two answers
 * to it cannot both be right.
 *
 * @throws {LorisError} as {@link parseCaptions}, but for pictures with several lines.
 */
export function parseQuestions(text: string, name: string): QuestionItem[] {
  const before = new Map<string, QuestionItem>();
  return parseLines(text, name, (fields, line, fail) => {
    const file = pictureFile(fields, fail);
    const [question, answer] = [textField(fields, "question", fail), textField(fields, "answer", fail)];
    const key = JSON.stringify([file, question]);
    const other = before.get(key) ?? { answer, line };
    if (other.answer !== answer) {
      fail(`the answer is ${shown(answer)}, in line ${other.line} it is ${shown(other.answer)}`);
    }
    const item = { file, question, answer, line };
    before.set(key, item);
    return item;
  });
}

function parseLines<T>(text: string, name: string, parse: (fields: Fields, line: number, fail: Fail) => T): T[] {
  const items: T[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const fail: Fail = (message) => {
      throw new LorisError("file_invalid", `${name}:${i + 1}: ${message}`, { param: name });
    };
    items.push(parse(fieldsOf(line, fail), i + 1, fail));
  }
  if (items.length > 0) return items;
  throw new LorisError("file_invalid", `${name} has no line: wanted is a JSON object a line`, { param: name });
}

function fieldsOf(line: string, fail: Fail): Fields {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    fail(`the line is no JSON: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    fail(`the line must be a JSON object, it is ${shown(value)}`);
  }
  return value as Fields;
}

/** A list of pictures names files of one folder; one that leads out of it is a mistake or worse. */
function pictureFile(fields: Fields, fail: Fail): string {
  const file = textField(fields, "file", fail);
  const outside = /^[/\\]|^[a-z]:|\\|\0/i.test(file) || file.split("/").includes("..");
  return outside ? fail(`"file" must be a path within the folder of pictures, it is ${shown(file)}`) : file;
}

function textField(fields: Fields, key: string, fail: Fail): string {
  const value = fields[key];
  return isText(value) ? value : fail(`"${key}" must be a text, it is ${shown(value)}`);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}

/** A value as a message can hold it. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 120 ? `${text.slice(0, 120)}...` : text;
}
