import { AnyText } from "./characters.ts";
import { FORMATS } from "./formats.ts";
import { decimal } from "./number.ts";
import { Pattern, Work } from "./pattern.ts";
import type { JsonWriter } from "./rules.ts";
import { KEYWORDS, refuse, type SchemaObject, SchemaPlace } from "./schema_place.ts";
import { areDisjoint, hasEmptyCircle, type Property, prune, type Shape } from "./shape.ts";

/** Bounds on a schema, which may be hostile: parts, their depth, alternatives of one choice, and pairs of those in oneOf. */
const MAX = { parts: 2048, depth: 64, alternatives: 128, pairs: 1 << 17 };
const NOTHING: Shape = { kind: "choice", of: [] };
const TYPES = ["string", "number", "integer", "object", "array", "boolean", "null"] as const;
type Type = (typeof TYPES)[number];

/**
 * Reads a JSON Schema (draft 2020-12, and what earlier ones write alike). Every keyword is enforced or refused; the shape
 * takes values of the schema only, though not always all of them:
 *
 * - where `type` is left out, keywords that are for one type mean it;
 * - properties come in the schema's order, and where there are some, others come only if `additionalProperties` asks;
 * - numbers have at most 15 digits; strings of a `pattern` or `format` need no escapes.
 *
 * @param root As JSON.parse makes it.
 * @throws {LorisError} `argument_invalid` naming the keyword and its place, for what is malformed, cannot be enforced, is too
 * large, or allows no value.
 */
export function readSchema(root: unknown, writer: JsonWriter): Shape {
  const reader = new SchemaReader(root, writer);
  const shape = reader.read(new SchemaPlace(root, "#", 0));
  reader.checkChoices();
  if (hasEmptyCircle(shape)) refuse("$ref", "#", "leads back to itself with nothing in between");
  if (!prune(shape)) refuse(undefined, "#", "no value has all that is asked");
  return shape;
}

class SchemaReader {
  readonly #root: unknown;
  readonly #writer: JsonWriter;
  readonly #targets = new Map<string, Shape & { kind: "choice" }>();
  /** Items of `oneOf`. */
  readonly #exclusive: { readonly shapes: readonly Shape[]; readonly path: string }[] = [];
  readonly #patternWork = new Work();
  #anything: Shape | undefined;
  #parts = 0;

  constructor(root: unknown, writer: JsonWriter) {
    this.#root = root;
    this.#writer = writer;
  }

  read(place: SchemaPlace): Shape {
    const { value, path, depth } = place;
    if (++this.#parts > MAX.parts) refuse(undefined, path, `it has more than ${MAX.parts} parts`);
    if (depth > MAX.depth) refuse(undefined, path, `it is more than ${MAX.depth} deep`);
    if (value === true) return this.#any();
    if (value === false) return NOTHING;
    const schema = place.object();
    const keywords = place.keywords();
    const whole = keywords.find((keyword) => KEYWORDS.whole.includes(keyword));
    if (!whole) return this.#byType(schema, place, keywords);
    const values = whole === "enum" || whole === "const";
    const beside = keywords.find((keyword) => keyword !== whole && !(values && keyword === "type"));
    if (beside) refuse(beside, path, `cannot be enforced beside "${whole}"`);
    if (values) return this.#texts(schema, place, whole);
    return whole === "$ref" ? this.#target(place.string("$ref"), place) : this.#choice(whole, place);
  }

  /** To be called when all is read: before that, targets of references may not be there. */
  checkChoices(): void {
    let pairs = 0;
    for (const { shapes, path } of this.#exclusive) {
      for (const [i, one] of shapes.entries()) {
        for (const other of shapes.slice(0, i)) {
          const disjoint = areDisjoint(one, other, () => {
            if (++pairs > MAX.pairs) {
              refuse("oneOf", path, "has too many alternatives in its items to compare them all");
            }
          });
          if (disjoint) continue;
          refuse(
            "oneOf",
            path,
            "has items that a value may have both of; use anyOf, or a property with another const in each that all require",
          );
        }
      }
    }
  }

  #texts(schema: SchemaObject, place: SchemaPlace, whole: string): Shape {
    const values = whole === "const" ? [schema.const] : place.list("enum");
    const types = schema.type === undefined ? TYPES : this.#types(place);
    const right = values.filter((value) => types.some((type) => isOfType(value, type)));
    return { kind: "texts", texts: [...new Set(right.map((value) => this.#writer.text(value)))] };
  }

  #choice(keyword: string, place: SchemaPlace): Shape {
    const places = place.items(keyword);
    if (places.length === 0) refuse(keyword, place.path, "must have an item");
    if (places.length > MAX.alternatives) refuse(keyword, place.path, `has more than ${MAX.alternatives} items`);
    if (keyword === "allOf" && places.length > 1) {
      refuse(keyword, place.path, "is supported with one item; write the items as one schema");
    }
    const of = places.map((item) => this.read(item));
    if (keyword === "oneOf") this.#exclusive.push({ shapes: of, path: place.path });
    return { kind: "choice", of };
  }

  #target(reference: string, place: SchemaPlace): Shape {
    const known = this.#targets.get(reference);
    if (known) return known;
    const target: Shape & { kind: "choice" } = { kind: "choice", of: [] };
    this.#targets.set(reference, target);
    target.of = [this.read(new SchemaPlace(resolve(this.#root, reference, place), reference, place.depth + 1))];
    return target;
  }

  #types(place: SchemaPlace): readonly Type[] {
    const { type } = place.object();
    const types = Array.isArray(type) ? type : [type];
    if (types.length === 0) refuse("type", place.path, "must have an item");
    for (const one of types) {
      if (!TYPES.includes(one)) {
        refuse("type", place.path, `is ${JSON.stringify(one)}, it must be of ${TYPES.join(", ")}`);
      }
    }
    return [...new Set<Type>(types)];
  }

  #byType(schema: SchemaObject, place: SchemaPlace, keywords: readonly string[]): Shape {
    if (keywords.length === 0) return this.#any();
    const types = schema.type !== undefined ? this.#types(place) : (["string", "number", "object", "array"] as const)
      .filter((type) => keywords.some((keyword) => KEYWORDS[type].includes(keyword)));
    const of = types.map((type) => this.#ofType(type, place));
    return of.length === 1 ? of[0]! : { kind: "choice", of };
  }

  #ofType(type: Type, place: SchemaPlace): Shape {
    switch (type) {
      case "boolean":
        return { kind: "texts", texts: ["true", "false"] };
      case "null":
        return { kind: "texts", texts: ["null"] };
      case "string":
        return this.#string(place);
      case "number":
      case "integer":
        return this.#number(type, place);
      case "object":
        return this.#object(place);
      case "array":
        return this.#array(place);
    }
  }

  #string(place: SchemaPlace): Shape {
    const { characters } = this.#writer;
    const [min, max] = [place.count("minLength") ?? 0, place.count("maxLength") ?? Infinity];
    const keyword = (["pattern", "format"] as const).find((name) => place.has(name));
    if (!keyword) return min <= max ? { kind: "string", machine: new AnyText(characters, min, max) } : NOTHING;
    for (const beside of ["minLength", "maxLength", "format"]) {
      if (beside !== keyword && place.has(beside)) {
        refuse(
          beside,
          place.path,
          `cannot be enforced beside "${keyword}"; a pattern can say it, as in "^[a-z]{2,8}$"`,
        );
      }
    }
    const text = place.string(keyword);
    const pattern = keyword === "pattern" ? text : FORMATS.get(text);
    if (pattern === undefined) {
      refuse(keyword, place.path, `is "${text.slice(0, 40)}", it can be ${[...FORMATS.keys()].join(", ")}`);
    }
    try {
      const machine = Pattern.of(pattern, characters, this.#patternWork);
      return machine ? { kind: "string", machine } : NOTHING;
    } catch (cause) {
      refuse(keyword, place.path, `cannot be enforced: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  }

  #number(type: "number" | "integer", place: SchemaPlace): Shape {
    const multiple = place.number("multipleOf");
    if (multiple !== undefined && !(Number.isInteger(multiple) && multiple >= 1)) {
      refuse("multipleOf", place.path, "is supported for whole numbers from 1");
    }
    const bounds = {
      min: place.number("minimum"),
      max: place.number("maximum"),
      exclusiveMin: place.number("exclusiveMinimum"),
      exclusiveMax: place.number("exclusiveMaximum"),
      multipleOf: multiple ?? (type === "integer" ? 1 : undefined),
    };
    return decimal(bounds) ? { kind: "number", bounds } : NOTHING;
  }

  #object(place: SchemaPlace): Shape {
    const required = new Set(place.strings("required"));
    const read = (name: string, item: SchemaPlace): Property => ({
      name,
      shape: this.read(item),
      required: required.delete(name),
    });
    const properties = place.entries("properties").map(([name, item]) => read(name, item));
    const asked = place.has("additionalProperties") || !place.has("properties");
    const additional = place.item("additionalProperties");
    const others = !asked || additional?.value === false ? undefined : additional ? this.read(additional) : this.#any();
    for (const name of required) {
      if (additional?.value === false) refuse("required", place.path, `names "${name}", which no property is`);
      properties.push({ name, shape: others ?? this.#any(), required: true });
    }
    return { kind: "object", properties, others };
  }

  #array(place: SchemaPlace): Shape {
    const first = place.items("prefixItems").map((item) => this.read(item));
    const items = place.item("items");
    const others = items ? this.read(items) : this.#any();
    return {
      kind: "array",
      first,
      others,
      min: place.count("minItems") ?? 0,
      max: place.count("maxItems") ?? Infinity,
    };
  }

  /** Any value at all. */
  #any(): Shape {
    if (this.#anything) return this.#anything;
    const any: Shape & { kind: "choice" } = { kind: "choice", of: [] };
    any.of = [
      { kind: "string", machine: new AnyText(this.#writer.characters) },
      { kind: "number", bounds: {} },
      { kind: "texts", texts: ["true", "false", "null"] },
      { kind: "object", properties: [], others: any },
      { kind: "array", first: [], others: any, min: 0, max: Infinity },
    ];
    return this.#anything = any;
  }
}

function isOfType(value: unknown, type: Type): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  return typeof value === type && value !== null && !Array.isArray(value);
}

/** The value that a JSON pointer (RFC 6901) as a URI's fragment leads to. */
function resolve(root: unknown, reference: string, { path }: SchemaPlace): unknown {
  if (reference !== "#" && !reference.startsWith("#/")) {
    refuse("$ref", path, `is "${reference.slice(0, 60)}", it must lead into the schema itself, as "#/$defs/name"`);
  }
  let value = root;
  for (const step of reference.split("/").slice(1)) {
    const name = unescapePointer(step);
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) {
      refuse("$ref", path, `is "${reference.slice(0, 60)}", which is not there`);
    }
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function unescapePointer(step: string): string {
  let text = step;
  try {
    text = decodeURIComponent(step);
  } catch { /* a lone percent sign stands for itself */ }
  return text.replaceAll("~1", "/").replaceAll("~0", "~");
}
