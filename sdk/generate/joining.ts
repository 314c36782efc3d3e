import { allSlots, sharedSlots, slotCount, type SlottedPiece, type Text, textAfter } from "./prefix.ts";

/**
 * Rows that the kernels do not unpack weights for (`FEWEST_ROWS` of `simd.rs`, for most of their ways to multiply): they
 * cost the same each, together or not; with one more all go the way of many rows, which pays off from some dozens on.
 */
const FEW_ROWS = 19;

/** Which prompts come in with the next step, in one pass with the rows of those that go on. */
export class Joining {
  readonly #maxRows: number;
  readonly #prompts: (readonly SlottedPiece[])[] = [];
  #rows: number;

  /** @param goingOn Rows of the step without them. @param maxRows Of a pass. */
  constructor(goingOn: number, maxRows: number) {
    this.#rows = goingOn;
    this.#maxRows = maxRows;
  }

  /**
   * Lets the next prompt in, if it may.
   *
   * @param skip Slots of it that are filled.
   * @returns the text to be computed of it; "later": after this step; "alone": in passes of its own, before the step.
   */
  admit(prompt: readonly SlottedPiece[], skip: number): Text | "later" | "alone" {
    const text = textAfter(prompt, skip);
    if (this.#prompts.some((other) => isWorthWaiting(prompt, skip, other))) return "later";
    if (!text || !this.#hasRoom(text.ids.length)) return this.#prompts.length > 0 ? "later" : "alone";
    this.#rows += text.ids.length;
    this.#prompts.push(prompt);
    return text;
  }

  #hasRoom(rows: number): boolean {
    const all = this.#rows + rows;
    const many = this.#rows > FEW_ROWS || rows > FEW_ROWS;
    return all <= (many ? this.#maxRows : FEW_ROWS);
  }
}

/** True if half of what a prompt has to compute, or more, would be there to be copied once another one has come in. */
function isWorthWaiting(prompt: readonly SlottedPiece[], skip: number, other: readonly SlottedPiece[]): boolean {
  const shared = sharedSlots(allSlots(other), prompt);
  return 2 * (shared - skip) >= slotCount(prompt) - skip;
}
