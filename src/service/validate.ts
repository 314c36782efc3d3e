import * as v from "valibot";
import { ApiError } from "./errors.ts";

/** A message quotes no more of a value than this; a data URL can be megabytes. */
const QUOTED_CHARACTERS = 60;

/**
 * A value as its schema wants it, without fields that the schema does not know.
 *
 * @throws {ApiError} 400 naming the first field that is not as wanted.
 */
export function validated<Schema extends v.GenericSchema>(schema: Schema, value: unknown): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const { path, issue } = deepest(result.issues[0]);
  const missing = issue.received === "undefined";
  const param = path.length === 0 ? undefined : dotted(path);
  const received = String(issue.received);
  const short = received.length > QUOTED_CHARACTERS ? `${received.slice(0, QUOTED_CHARACTERS)}...` : received;
  const wanted = issue.kind === "schema" ? `must be ${readable(issue.expected)}` : `is not allowed: ${issue.message}`;
  const message = missing
    ? `${param ?? "the body"} is missing`
    : issue.kind === "schema"
    ? `${param ?? "the body"} ${wanted}, it is ${short}`
    : `${param ?? "the body"} ${wanted}`.slice(0, 300);
  throw new ApiError(400, missing ? "missing_required_parameter" : "invalid_value", message, { param });
}

type Path = readonly (string | number)[];

/** Of a union, the branch that came furthest tells most. */
function deepest(issue: v.BaseIssue<unknown>): { path: Path; issue: v.BaseIssue<unknown> } {
  const path = (issue.path ?? []).map(({ key }) => key as string | number);
  const branches = (issue.issues ?? []).map(deepest).filter((branch) => branch.path.length > 0);
  const best = branches.reduce<ReturnType<typeof deepest> | undefined>(
    (found, branch) => branch.path.length > (found?.path.length ?? 0) ? branch : found,
    undefined,
  );
  return best ? { path: [...path, ...best.path], issue: best.issue } : { path, issue };
}

function dotted(path: Path): string {
  return path.map((key, i) => typeof key === "number" ? `[${key}]` : i === 0 ? key : `.${key}`).join("");
}

/** Valibot's `(string | Array)`, in words. */
function readable(expected: string | null): string {
  return (expected ?? "something else").replace(/^\((.*)\)$/, "$1").replaceAll(" | ", " or ");
}
