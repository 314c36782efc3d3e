/** A mistake in how the command was written; ends with exit status 2. */
export class UsageError extends Error {}

export function oneOf<T extends string>(name: string, value: string | undefined, allowed: readonly T[]): T | undefined {
  if (value === undefined || allowed.includes(value as T)) return value as T | undefined;
  throw new UsageError(`${name} is "${value}", it must be ${allowed.join(" or ")}`);
}

export function list<T>(value: string | undefined, entry: (text: string) => T): T[] | undefined {
  return value?.split(",").map((text) => entry(text.trim()));
}

export function number(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const n = value.trim() === "" ? NaN : Number(value);
  if (!Number.isFinite(n)) throw new UsageError(`${name} is "${value}", it must be a number`);
  return n;
}

export function whole(name: string, value: string | undefined, min: number): number | undefined {
  const n = number(name, value);
  if (n !== undefined && (!Number.isSafeInteger(n) || n < min)) {
    throw new UsageError(`${name} is "${value}", it must be a whole number from ${min}`);
  }
  return n;
}

const UNITS: Record<string, number> = {
  "": 1,
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** A size in bytes, with or without a unit. */
export function parseBytes(name: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  const unit = UNITS[match?.[2] ?? "?"];
  const bytes = Math.floor(Number(match?.[1]) * (unit ?? NaN));
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new UsageError(`${name} is "${text}", it must be a size such as 64MiB, 128MB or 67108864`);
}
