/** How many conversations fit a memory budget, and what they bring in a second. */

/** What a budget is spent on. */
export interface BudgetShare {
  readonly budgetBytes: number;
  /** What is there once, however many conversations run: weights, work areas, kernels, the picture decoder. */
  readonly fixedBytes: number;
  /** One conversation's cache. */
  readonly kvBytes: number;
}

/** Conversations whose caches fit beside what is fixed. @throws {RangeError} if not one does. */
export function conversationsIn({ budgetBytes, fixedBytes, kvBytes }: BudgetShare): number {
  const conversations = Math.floor((budgetBytes - fixedBytes) / kvBytes);
  if (conversations >= 1) return conversations;
  throw new RangeError(
    `no conversation fits: ${fixedBytes} bytes fixed and ${kvBytes} of a cache are more than ${budgetBytes}`,
  );
}

/** Times of a batch of conversations, in milliseconds. */
export interface BatchTimes {
  readonly conversations: number;
  /** Encoding one picture, all its tiles. */
  readonly encodeMs: number;
  /** Prefill of one conversation. */
  readonly prefillMs: number;
  /** One decode step of all conversations together. */
  readonly stepMs: number;
  /** Tokens of each answer. The first comes from the prefill, every other one from a step. */
  readonly answerTokens: number;
}

/** What a batch brings in a second. */
export interface Rates {
  /** Pictures answered, their encoding included. */
  readonly pipeline: number;
  /** Pictures answered whose image tokens are there already, as in a follow-up question. */
  readonly language: number;
  /** Tokens of decode steps alone. */
  readonly decodeTokens: number;
}

/** Rates of batches that follow one another: conversations are encoded and prefilled one by one, then decode together. */
export function ratesOf({ conversations, encodeMs, prefillMs, stepMs, answerTokens }: BatchTimes): Rates {
  const decodeMs = (answerTokens - 1) * stepMs;
  const languageMs = conversations * prefillMs + decodeMs;
  return {
    pipeline: 1000 * conversations / (conversations * encodeMs + languageMs),
    language: 1000 * conversations / languageMs,
    decodeTokens: 1000 * conversations / stepMs,
  };
}
