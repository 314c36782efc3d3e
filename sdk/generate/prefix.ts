import type { PromptPiece } from "../model/vlm.ts";

/** What stands in a slot: a token's id, or the key of a tile, whose image tokens follow each other in order. */
export type Slot = number | string;

/** A piece with the slots that it takes; a tile without a key is like no other. */
export type SlottedPiece =
  | { readonly kind: "text"; readonly slots: readonly number[] }
  /** Computed whole or not at all. `positions`: those that it takes, also for image tokens that are left out. */
  | { readonly kind: "tile"; readonly slots: readonly string[]; readonly positions: number };

/** Text that goes into a cache, and where it begins. */
export interface Text {
  readonly ids: readonly number[];
  readonly position: number;
}

/**
 * What a prompt puts into a cache, slot by slot.
 *
 * @param tokensPerTile Image tokens of a tile that go to the decoder. @param positionsPerTile Those that it has.
 */
export function slotsOf(
  prompt: readonly PromptPiece[],
  tokensPerTile: number,
  positionsPerTile: number,
): SlottedPiece[] {
  return prompt.map((piece) => {
    if (piece.kind === "text") return { kind: "text", slots: Array.from(piece.ids) };
    const key = piece.kind === "tile" && piece.key !== undefined ? piece.key : crypto.randomUUID();
    const slots = Array.from({ length: tokensPerTile }, () => key);
    return { kind: "tile", slots, positions: positionsPerTile };
  });
}

/**
 * Slots of a prompt that are equal, from its first on. At least one is left to be computed, for its logits, and of a tile all
 * or none is equal.
 */
export function sharedSlots(slots: readonly Slot[], prompt: readonly SlottedPiece[]): number {
  const equal = equalSlots(slots, prompt, Math.min(slots.length, slotCount(prompt) - 1));
  let start = 0;
  for (const { kind, slots } of prompt) {
    if (kind === "tile" && equal > start && equal < start + slots.length) return start;
    start += slots.length;
  }
  return equal;
}

/** Slots of all pieces. */
export function slotCount(prompt: readonly SlottedPiece[]): number {
  return prompt.reduce((sum, { slots }) => sum + slots.length, 0);
}

/** How many of the first slots are a prompt's, `most` at most. */
function equalSlots(slots: readonly Slot[], prompt: readonly SlottedPiece[], most: number): number {
  let equal = 0;
  for (const { slots: wanted } of prompt) {
    for (let i = 0; i < wanted.length; i++, equal++) {
      if (equal >= most || slots[equal] !== wanted[i]) return equal;
    }
  }
  return equal;
}

/** What comes after a prompt's first slots, if it is text alone. @param skip Slots, all or none of a tile. */
export function textAfter(prompt: readonly SlottedPiece[], skip: number): Text | undefined {
  const ids: number[] = [];
  let [left, position] = [skip, 0];
  for (const piece of prompt) {
    const skipped = Math.min(left, piece.slots.length);
    left -= skipped;
    if (piece.kind === "text") {
      position += skipped;
      ids.push(...piece.slots.slice(skipped));
    } else if (skipped > 0) position += piece.positions;
    else return undefined;
  }
  return { ids, position };
}

/** The slots of all pieces, one after another. */
export function allSlots(prompt: readonly SlottedPiece[]): Slot[] {
  return prompt.flatMap(({ slots }): readonly Slot[] => slots);
}
