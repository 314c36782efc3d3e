import { ApiError } from "./errors.ts";

/** True for values that ask for nothing. */
type Harmless = (value: unknown) => boolean;

const empty: Harmless = (value) => typeof value === "object" && Object.keys(value as object).length === 0;
const oneOf = (...values: readonly unknown[]): Harmless => (value) => values.includes(value);
const never: Harmless = () => false;

/**
 * Fields of OpenAI's that change an answer and are not supported. Fields that change nothing here (`user`, `metadata`,
 * `service_tier`, `prompt_cache_key`, ...) are ignored like unknown ones.
 */
const UNSUPPORTED: Readonly<Record<string, Harmless>> = {
  audio: never,
  frequency_penalty: oneOf(0),
  function_call: oneOf("none", "auto"),
  functions: empty,
  logit_bias: empty,
  modalities: (value) => Array.isArray(value) && value.every((modality) => modality === "text"),
  presence_penalty: oneOf(0),
  reasoning_effort: oneOf("none"),
  store: oneOf(false),
  tool_choice: oneOf("none", "auto"),
  tools: empty,
  web_search_options: never,
};

/** Kinds of content that OpenAI knows and this model does not. */
const UNSUPPORTED_PARTS: readonly unknown[] = ["input_audio", "file", "refusal"];
const UNSUPPORTED_ROLES: readonly unknown[] = ["tool", "function"];

/** @throws {ApiError} 400 `unsupported_parameter`, naming the first field that asks for what is not supported. */
export function refuseUnsupported(body: unknown): void {
  if (typeof body !== "object" || body === null) return;
  for (const [name, harmless] of Object.entries(UNSUPPORTED)) {
    const value = (body as Record<string, unknown>)[name];
    if (value !== undefined && value !== null && !harmless(value)) refuse(name, `${name} is not supported here`);
  }
  const { messages } = body as { messages?: unknown };
  if (!Array.isArray(messages)) return;
  for (const [i, message] of messages.entries()) {
    const { role, content, tool_calls } = message ?? {};
    if (UNSUPPORTED_ROLES.includes(role)) refuse(`messages[${i}].role`, `messages of a ${role} are not supported here`);
    if (tool_calls) refuse(`messages[${i}].tool_calls`, "tool calls are not supported here");
    if (!Array.isArray(content)) continue;
    for (const [j, part] of content.entries()) {
      if (!UNSUPPORTED_PARTS.includes(part?.type)) continue;
      refuse(`messages[${i}].content[${j}].type`, `content of the type ${part.type} is not supported here`);
    }
  }
}

function refuse(param: string, message: string): never {
  throw new ApiError(400, "unsupported_parameter", message, { param });
}
