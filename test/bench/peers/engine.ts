/** One engine under one text model, asked for times. */
export interface TextEngine {
  readonly name: string;
  /** Reads a prompt of about so many tokens that it has not seen before, then decodes. */
  answer(promptTokens: number, decodeTokens: number, seed: number): Promise<TextTimes>;
  close(): Promise<void>;
}

/** Tokens a second. */
export interface TextTimes {
  readonly prompt: number;
  readonly decode: number;
}

/** One engine under one image encoder. */
export interface TileEngine {
  readonly name: string;
  /** Milliseconds in which one tile becomes image tokens. */
  tileMs(): Promise<number>;
  close(): Promise<void>;
}

/** Short common words, so that a prompt's length in tokens is near its length in words whatever the vocabulary. */
const WORDS =
  ("the of and to in is that it for was on are as with they be at one have this from or had by but some what " +
    "there we can out other were all your when up use word how said an each she which do their time if will").split(
      " ",
    );

/** A prompt of so many words, another for each seed. */
export function prompt(words: number, seed: number): string {
  let state = seed >>> 0;
  return Array.from({ length: words }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return WORDS[(state >>> 8) % WORDS.length];
  }).join(" ");
}
