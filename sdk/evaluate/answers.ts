/**
 * Score of answers to questions: exact match.
 *
 * @module
 */
import { LorisError } from "../errors.ts";

/**
 * Share, in percent, of answers that equal their reference: case, surrounding space and one full stop at the end of the
 * answer do not count.
 * @throws {LorisError} `argument_invalid` for none or differing numbers of answers.
 */
export function exactMatch(answers: readonly string[], references: readonly string[]): number {
  if (answers.length === 0 || answers.length !== references.length) {
    const message =
      `${answers.length} answers cannot be compared with ${references.length} references: give as many, at least one`;
    throw new LorisError("argument_invalid", message, { param: "answers" });
  }
  const right = answers.filter((answer, i) => plain(answer) === references[i]!.trim().toLowerCase());
  return 100 * right.length / answers.length;
}

function plain(answer: string): string {
  return answer.trim().replace(/\.$/, "").trim().toLowerCase();
}
