/**
 * Plans of Lazy Attention as JSON, and in a model's metadata.
 *
 * @example
 * ```ts
 * import { rewriteMetadata } from "loris/gguf/rewrite";
 * import { planOf } from "loris/lazy/plan";
 * import { planMetadata } from "loris/lazy/plan_format";
 * import { fileSource } from "loris/sources/file";
 *
 * // `lazy: "auto"` of `load` takes the plan that a model carries
 * const changes = planMetadata(planOf(8, [3, 4, 6], "gla"));
 * const source = fileSource("text.gguf");
 * const file = ReadableStream.from(rewriteMetadata(source, changes));
 * await Deno.writeFile("with_plan.gguf", file);
 * await source.close();
 * ```
 *
 * @module
 */
import { LorisError } from "../errors.ts";
import type { GgufMetadata } from "../gguf/metadata.ts";
import type { MetadataChanges, TypedValue } from "../gguf/rewrite.ts";
import { untilAborted } from "../platform/until_aborted.ts";
import type { Source } from "../sources/source.ts";
import { type LazyPlan, planOrFail } from "./plan.ts";

/** GGUF keys of a plan: an array of int32, one for each layer, and a string. */
const ANCHOR_KEY = "lazy.anchor";
const MODE_KEY = "lazy.mode";
const MAX_FILE_BYTES = 1 << 16;

/**
 * A plan from the text of a JSON file, `{ "anchor": [0, 0, 2], "mode": "gla" }`; other fields are let be.
 *
 * @param file Its name, for messages.
 * @param layers Decoder layers of the model it is for; any number, if not given.
 * @throws {LorisError} `file_invalid` if it is no JSON, no plan, or a plan for another number of layers.
 */
export function planFromJson(text: string, file: string, layers?: number): LazyPlan {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const message = `${file} is no JSON: ${(cause as Error).message}; a plan is { "anchor": [0, ...], "mode": "gla" }`;
    throw new LorisError("file_invalid", message, { param: file, cause });
  }
  return planOrFail(value, layers, (message) => {
    throw new LorisError("file_invalid", `${file}: the lazy plan ${message}`, { param: file });
  });
}

/**
 * A plan from a source of such a file. One of more than 64 KiB is refused unread.
 *
 * @throws {LorisError} as {@link planFromJson}; `source_failed`; the signal's reason.
 */
export async function planFromSource(source: Source, signal?: AbortSignal): Promise<LazyPlan> {
  const bytes = await untilAborted(source.size(signal), signal);
  if (bytes > MAX_FILE_BYTES) {
    const message = `${source.name} has ${bytes} bytes; a lazy plan is a JSON file of ${MAX_FILE_BYTES} at most`;
    throw new LorisError("file_invalid", message, { param: source.name });
  }
  const json = await untilAborted(source.read(0, bytes, signal), signal);
  return planFromJson(new TextDecoder().decode(json), source.name);
}

/** The text of a JSON file that {@link planFromJson} reads, one line. */
export function planToJson({ anchor, mode }: LazyPlan): string {
  return JSON.stringify({ anchor, mode }) + "\n";
}

/**
 * The plan that a model carries.
 *
 * @param layers Decoder layers of the model.
 * @returns undefined if it carries none.
 * @throws {LorisError} `file_invalid` if it carries half a plan, or something else under the keys of one.
 */
export function planFromMetadata(metadata: GgufMetadata, layers: number): LazyPlan | undefined {
  const anchor = metadata.optionalNumbers(ANCHOR_KEY);
  const mode = metadata.optionalString(MODE_KEY);
  if (anchor === undefined && mode === undefined) return undefined;
  if (anchor === undefined || mode === undefined) {
    const [there, missing] = anchor ? [ANCHOR_KEY, MODE_KEY] : [MODE_KEY, ANCHOR_KEY];
    const message = `the model has ${there} and no ${missing}; a lazy plan needs both, write it again`;
    throw new LorisError("file_invalid", message, { param: missing });
  }
  return planOrFail({ anchor, mode }, layers, (message) => {
    throw new LorisError("file_invalid", `the lazy plan in the model's metadata ${message}`, { param: ANCHOR_KEY });
  });
}

/** What `rewriteMetadata` has to change so that a model carries this plan, or none if undefined. */
export function planMetadata(plan: LazyPlan | undefined): MetadataChanges {
  return new Map<string, TypedValue | undefined>([
    [ANCHOR_KEY, plan && { type: "int32[]", value: plan.anchor }],
    [MODE_KEY, plan && { type: "string", value: plan.mode }],
  ]);
}
