import { LorisError } from "../errors.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { Constraint } from "./grammar/constraint.ts";
import { Grammar } from "./grammar/grammar.ts";
import { JsonWriter, rulesOf } from "./grammar/rules.ts";
import { readSchema } from "./grammar/schema.ts";
import { TokenTrie } from "./grammar/token_trie.ts";

/**
 * What an answer is to be: text, the default; any JSON object; or JSON of a schema. JSON is whole whenever the answer ends by
 * itself; where `maxTokens`, the context or a stop string ends it, it is the beginning of such JSON.
 *
 * Of JSON Schema are enforced: `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`,
 * `prefixItems`, `minItems`, `maxItems`, `minLength`, `maxLength`, `pattern`, `format`, `minimum`, `maximum`,
 * `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf` (whole numbers), `anyOf`, `oneOf` where its items exclude each other,
 * `allOf` of one item, and `$ref` into the schema itself. Every other keyword that asks something is refused. Properties come
 * in the schema's order; where `properties` is given, others come only if `additionalProperties` is.
 */
export type ResponseFormat =
  | { readonly type: "text" }
  | { readonly type: "json_object" }
  | { readonly type: "json_schema"; readonly schema: JsonSchema };

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

const MAX_CHARACTERS = 1 << 16;
/** Grammars that are kept for later requests, and what all of them keep together (`Grammar.kept`): some 12 MB. */
const MAX_GRAMMARS = 8;
const MAX_KEPT = 1 << 15;

/** Makes constraints for a vocabulary, and keeps what it has found about schemas that come again. */
export class ResponseFormats {
  readonly #tokenizer: Tokenizer;
  #vocabulary: TokenTrie | undefined;
  /** By the schema's text; the one used longest ago first. */
  readonly #grammars = new Map<string, Grammar>();

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /**
   * @returns what holds one answer to the format; undefined for free text.
   * @throws {LorisError} `argument_invalid` for a format that is none, or a schema that cannot be enforced, naming the
   * keyword; `file_unsupported` for a vocabulary in which JSON cannot be written.
   */
  constraint(format: ResponseFormat | undefined): Constraint | undefined {
    const text = schemaText(format);
    return text === undefined ? undefined : new Constraint(this.#grammar(text));
  }

  #grammar(text: string): Grammar {
    const grammar = this.#grammars.get(text) ?? this.#make(text);
    this.#grammars.delete(text);
    let kept = grammar.kept;
    for (const other of this.#grammars.values()) kept += other.kept;
    for (const [oldest, { kept: its }] of this.#grammars) {
      if (this.#grammars.size < MAX_GRAMMARS && kept <= MAX_KEPT) break;
      this.#grammars.delete(oldest);
      kept -= its;
    }
    this.#grammars.set(text, grammar);
    return grammar;
  }

  #make(text: string): Grammar {
    const vocabulary = this.#vocabulary ??= new TokenTrie(this.#tokenizer);
    const writer = new JsonWriter(vocabulary.characters);
    const shape = readSchema(JSON.parse(text), writer);
    return new Grammar(vocabulary, () => rulesOf(shape, writer));
  }
}

/** The schema as JSON: a copy that nobody changes, of a size that is known. */
function schemaText(format: ResponseFormat | undefined): string | undefined {
  if (format === undefined) return undefined;
  const wanted = '{ type: "text" }, { type: "json_object" } or { type: "json_schema", schema }';
  const type: unknown = (format as ResponseFormat | null)?.type;
  if (type === "text") return undefined;
  if (type === "json_object") return '{"type":"object"}';
  if (type !== "json_schema") fail(`must be ${wanted}; its type is ${String(type).slice(0, 60)}`);
  let text: string | undefined;
  try {
    text = JSON.stringify((format as ResponseFormat & { type: "json_schema" }).schema);
  } catch (cause) {
    fail(`has a schema that is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (text === undefined) fail(`must be ${wanted}; it has no schema`);
  if (text.length > MAX_CHARACTERS) {
    fail(`has a schema of ${text.length} characters, at most ${MAX_CHARACTERS} are possible`);
  }
  return text;
}

function fail(what: string): never {
  throw new LorisError("argument_invalid", `responseFormat ${what}`, { param: "responseFormat" });
}
