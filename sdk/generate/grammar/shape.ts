import type { CharacterMachine } from "./characters.ts";
import type { NumberBounds } from "./number.ts";

/** What a JSON value is to look like. A schema that refers to itself makes a circle of these. */
export type Shape =
  /** One of these texts, as they stand. */
  | { readonly kind: "texts"; readonly texts: readonly string[] }
  | { readonly kind: "string"; readonly machine: CharacterMachine }
  | { readonly kind: "number"; readonly bounds: NumberBounds }
  | { readonly kind: "choice"; of: readonly Shape[] }
  | ObjectShape
  | ArrayShape;

/** Properties come in their order, then others. */
export interface ObjectShape {
  readonly kind: "object";
  properties: readonly Property[];
  /** The values of properties with other names; there are none if left out. */
  others?: Shape | undefined;
}

export interface Property {
  readonly name: string;
  readonly shape: Shape;
  readonly required: boolean;
}

/** The first items, then others. */
export interface ArrayShape {
  readonly kind: "array";
  readonly first: readonly Shape[];
  /** Items behind the first ones; there are none if left out. */
  readonly others?: Shape | undefined;
  readonly min: number;
  /** May be Infinity. */
  max: number;
}

/** Every shape that can be reached. */
export function shapesOf(root: Shape): Set<Shape> {
  const shapes = new Set([root]);
  for (const shape of shapes) for (const part of partsOf(shape)) shapes.add(part);
  return shapes;
}

function partsOf(shape: Shape): readonly Shape[] {
  switch (shape.kind) {
    case "choice":
      return shape.of;
    case "object":
      return [...shape.properties.map((property) => property.shape), ...shape.others ? [shape.others] : []];
    case "array":
      return [...shape.first, ...shape.others ? [shape.others] : []];
    default:
      return [];
  }
}

/**
 * Takes away what no finite value can have, so that whatever is begun can be ended.
 *
 * @returns false if no value has the shape.
 */
export function prune(root: Shape): boolean {
  const shapes = shapesOf(root);
  const finite = new Set<Shape>();
  for (let before = -1; before < finite.size;) {
    before = finite.size;
    for (const shape of shapes) if (!finite.has(shape) && isFinite(shape, finite)) finite.add(shape);
  }
  for (const shape of shapes) {
    if (shape.kind === "choice") shape.of = shape.of.filter((part) => finite.has(part));
    if (shape.kind === "object") {
      shape.properties = shape.properties.filter((property) => property.required || finite.has(property.shape));
      if (shape.others && !finite.has(shape.others)) shape.others = undefined;
    }
    if (shape.kind === "array") shape.max = Math.min(shape.max, longest(shape, finite));
  }
  return finite.has(root);
}

function isFinite(shape: Shape, finite: ReadonlySet<Shape>): boolean {
  switch (shape.kind) {
    case "texts":
      return shape.texts.length > 0;
    case "choice":
      return shape.of.some((part) => finite.has(part));
    case "object":
      return shape.properties.every((property) => !property.required || finite.has(property.shape));
    case "array":
      return shape.min <= shape.max && shape.min <= longest(shape, finite);
    default:
      return true;
  }
}

/** Items that an array can have. */
function longest({ first, others }: ArrayShape, finite: ReadonlySet<Shape>): number {
  const stop = first.findIndex((shape) => !finite.has(shape));
  if (stop >= 0) return stop;
  return others && finite.has(others) ? Infinity : first.length;
}

/** True if a choice leads back to itself without a character in between. */
export function hasEmptyCircle(root: Shape): boolean {
  const done = new Set<Shape>();
  const way = new Set<Shape>();
  const circles = (shape: Shape): boolean => {
    if (shape.kind !== "choice" || done.has(shape)) return false;
    if (way.has(shape)) return true;
    way.add(shape);
    if (shape.of.some(circles)) return true;
    way.delete(shape);
    done.add(shape);
    return false;
  };
  return [...shapesOf(root)].some(circles);
}

/**
 * True if it is certain that no value has both shapes: by their types, their texts, or a property that both require.
 *
 * @param onPair Called for every pair of alternatives that is compared.
 */
export function areDisjoint(a: Shape, b: Shape, onPair: () => void): boolean {
  const others = alternatives(b);
  return alternatives(a).every((x) =>
    others.every((y) => {
      onPair();
      return simpleDisjoint(x, y);
    })
  );
}

function simpleDisjoint(a: Shape, b: Shape): boolean {
  if (a.kind === "texts" && b.kind === "texts") {
    const texts = new Set(a.texts);
    return !b.texts.some((text) => texts.has(text));
  }
  const types = typesOf(a);
  if (typesOf(b).every((type) => !types.includes(type))) return true;
  if (a.kind !== "object" || b.kind !== "object") return false;
  const others = new Map(b.properties.map((property) => [property.name, property]));
  return a.properties.some((x) => {
    const y = others.get(x.name);
    // texts alone: objects in objects would be compared again and again
    return y !== undefined && x.required && y.required && x.shape.kind === "texts" && y.shape.kind === "texts" &&
      simpleDisjoint(x.shape, y.shape);
  });
}

/** What a choice comes down to. */
function alternatives(shape: Shape): Shape[] {
  const all = new Set([shape]);
  for (const one of all) if (one.kind === "choice") { for (const part of one.of) all.add(part); }
  return [...all].filter(({ kind }) => kind !== "choice");
}

function typesOf(shape: Shape): string[] {
  if (shape.kind !== "texts") return [shape.kind];
  return shape.texts.map((text) => TYPE_OF_FIRST[text[0]!] ?? "number");
}

const TYPE_OF_FIRST: Readonly<Record<string, string>> = {
  '"': "string",
  "{": "object",
  "[": "array",
  t: "boolean",
  f: "boolean",
  n: "null",
};
