import { LorisError } from "../../errors.ts";

/** A schema that is no boolean. */
export type SchemaObject = Readonly<Record<string, unknown>>;

/** Keywords that are enforced: those that say all by themselves, and those for values of a type. */
export const KEYWORDS: Readonly<Record<"whole" | "string" | "number" | "object" | "array", readonly string[]>> = {
  whole: ["$ref", "anyOf", "oneOf", "allOf", "enum", "const"],
  string: ["minLength", "maxLength", "pattern", "format"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  object: ["properties", "required", "additionalProperties"],
  array: ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"],
};
const ENFORCED = new Set(["type", ...Object.values(KEYWORDS).flat()]);
/** Keywords that ask nothing of a value. */
const SAY_NOTHING = new Set([
  ...["$schema", "$id", "$comment", "$defs", "definitions"],
  ...["title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"],
]);

/** @throws {LorisError} always. */
export function refuse(keyword: string | undefined, path: string, why: string): never {
  const what = keyword === undefined ? why : `"${keyword.slice(0, 60)}" ${why}`;
  throw new LorisError("argument_invalid", `responseFormat: in the schema, at ${path.slice(0, 200)}: ${what}`, {
    param: "responseFormat",
  });
}

/** A part of a schema, and where it is. Keywords that are not there are undefined or empty. */
export class SchemaPlace {
  readonly value: unknown;
  /** JSON pointer. */
  readonly path: string;
  /** Schemas that it stands in, or is referred to from. */
  readonly depth: number;

  constructor(value: unknown, path: string, depth: number) {
    this.value = value;
    this.path = path;
    this.depth = depth;
  }

  object(): SchemaObject {
    const { value } = this;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as SchemaObject;
    return refuse(undefined, this.path, "a schema must be an object, true or false");
  }

  has(keyword: string): boolean {
    return Object.hasOwn(this.object(), keyword);
  }

  /** Those that ask something of a value. */
  keywords(): string[] {
    const keywords = Object.keys(this.object()).filter((keyword) => !SAY_NOTHING.has(keyword));
    for (const keyword of keywords) if (!ENFORCED.has(keyword)) refuse(keyword, this.path, "is not supported");
    if (this.has("uniqueItems") && this.#get("uniqueItems") !== false) {
      refuse("uniqueItems", this.path, "is not supported");
    }
    return keywords;
  }

  number(keyword: string): number | undefined {
    const value = this.#get(keyword);
    return value === undefined || typeof value === "number" ? value : refuse(keyword, this.path, "must be a number");
  }

  count(keyword: string): number | undefined {
    const value = this.number(keyword);
    if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return value;
    return refuse(keyword, this.path, "must be a whole number from 0");
  }

  string(keyword: string): string {
    const value = this.#get(keyword);
    return typeof value === "string" ? value : refuse(keyword, this.path, "must be a text");
  }

  list(keyword: string): readonly unknown[] {
    const value = this.#get(keyword) ?? [];
    return Array.isArray(value) ? value : refuse(keyword, this.path, "must be a list");
  }

  strings(keyword: string): readonly string[] {
    const values = this.list(keyword);
    if (!values.every((value) => typeof value === "string")) refuse(keyword, this.path, "must be a list of texts");
    return values as readonly string[];
  }

  /** The schemas of a list. */
  items(keyword: string): SchemaPlace[] {
    return this.list(keyword).map((value, i) => this.#inside(value, `${keyword}/${i}`));
  }

  /** The schema that a keyword has. */
  item(keyword: string): SchemaPlace | undefined {
    return this.has(keyword) ? this.#inside(this.#get(keyword), keyword) : undefined;
  }

  /** The schemas that a keyword has by name. */
  entries(keyword: string): [string, SchemaPlace][] {
    if (!this.has(keyword)) return [];
    const all = this.#inside(this.#get(keyword), keyword);
    return Object.entries(all.object()).map(([name, value]) => [name, all.#inside(value, name)]);
  }

  #get(keyword: string): unknown {
    return this.has(keyword) ? this.object()[keyword] : undefined;
  }

  #inside(value: unknown, step: string): SchemaPlace {
    return new SchemaPlace(value, `${this.path}/${step}`, this.depth + 1);
  }
}
