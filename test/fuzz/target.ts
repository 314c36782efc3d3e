/** What is fuzzed: a function of bytes, and what may be said of every input. */
import assert from "node:assert/strict";
import { LorisError } from "../../sdk/errors.ts";
import { ApiError } from "../../src/service/errors.ts";

export interface Target {
  /** Valid small inputs, of which others are made. */
  readonly seeds: readonly Uint8Array[];
  /** Words that inputs are made of, besides those that the source itself has. */
  readonly words?: readonly string[];
  /** Inputs are cut to this length. */
  readonly maxBytes: number;
  /** Throws, or rejects, if what must hold of every input does not hold of this one. */
  run(input: Uint8Array): unknown;
}

const utf8 = new TextEncoder();

export const bytesOf = (text: string): Uint8Array => utf8.encode(text);
export const jsonBytes = (value: unknown): Uint8Array => bytesOf(JSON.stringify(value));

/** A message is for people: it says something, and does not hand a hostile input on. */
const MAX_MESSAGE_CHARACTERS = 2100;

/** What a call gives, or undefined where it refuses its input as it should: by a typed error. */
export async function orRefusal<T>(call: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    return void checkRefusal(error);
  }
}

/** As {@link orRefusal}, for what is not asynchronous: waiting costs more than most calls. */
export function orRefusalNow<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    return void checkRefusal(error);
  }
}

function checkRefusal(error: unknown): void {
  if (!(error instanceof LorisError || error instanceof ApiError)) throw error;
  const { message } = error;
  if (error instanceof ApiError) assert.ok(error.status >= 400 && error.status < 500, `the status ${error.status}`);
  assert.ok(message.length > 5 && message.length < MAX_MESSAGE_CHARACTERS, `a message of ${message.length} characters`);
}
