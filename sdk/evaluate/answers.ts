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

/**
 * Answers a yes-or-no question from the logits at the answer's first position: the larger one of the tokens ` Yes` and
 * ` No`, no where they are equal.
 * @throws {LorisError} `argument_invalid` if an id is not in the vocabulary.
 */
export function yesOrNo(logits: Float32Array, ids: { readonly yes: number; readonly no: number }): "Yes" | "No" {
  const [yes, no] = [logits[ids.yes], logits[ids.no]];
  if (yes === undefined || no === undefined) {
    const message = `the tokens ${ids.yes} and ${ids.no} must be in the vocabulary of ${logits.length}`;
    throw new LorisError("argument_invalid", message, { param: "ids" });
  }
  return yes > no ? "Yes" : "No";
}
