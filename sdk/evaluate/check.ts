import { LorisError } from "../errors.ts";

/** @throws {LorisError} `argument_invalid` unless there is something to score and each picture has a reference. */
export function checkCaptions(candidates: readonly string[], references: readonly (readonly string[])[]): void {
  if (candidates.length === 0 || candidates.length !== references.length) {
    const message =
      `${candidates.length} captions cannot be scored against the references of ${references.length} pictures: ` +
      "give one caption for each picture, at least one";
    throw new LorisError("argument_invalid", message, { param: "candidates" });
  }
  const bare = references.findIndex((list) => list.length === 0);
  if (bare >= 0) {
    throw new LorisError("argument_invalid", `picture ${bare} has no reference`, { param: "references" });
  }
}
