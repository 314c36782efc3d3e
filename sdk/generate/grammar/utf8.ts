/** A character of which some bytes are there: the code points that it can become lie between two. */
export interface Utf8Prefix {
  readonly value: number;
  /** Bytes that are missing, 1 to 3. */
  readonly missing: number;
}

/** Code points from one to another, both included. */
export type CodePoints = readonly [first: number, last: number];

/** Code points by the number of their bytes (RFC 3629); surrogates are none. */
const BY_LENGTH: readonly (readonly CodePoints[])[] = [
  [],
  [[0, 0x7f]],
  [[0x80, 0x7ff]],
  [[0x800, 0xd7ff], [0xe000, 0xffff]],
  [[0x10000, 0x10ffff]],
];

/** @returns what a first byte begins, undefined for a byte that begins nothing longer than itself. */
export function leadByte(byte: number): Utf8Prefix | undefined {
  if (byte >= 0xc2 && byte <= 0xdf) return { value: byte & 0x1f, missing: 1 };
  if (byte >= 0xe0 && byte <= 0xef) return { value: byte & 0x0f, missing: 2 };
  if (byte >= 0xf0 && byte <= 0xf4) return { value: byte & 0x07, missing: 3 };
  return undefined;
}

/** The code points that a prefix of `length` bytes in all can become. */
export function reachable({ value, missing }: Utf8Prefix, length: number): CodePoints[] {
  const [first, last] = [value << (6 * missing), ((value + 1) << (6 * missing)) - 1];
  return intersect([[first, last]], BY_LENGTH[length]!);
}

/** Both lists are ascending, and so is what they have in common. */
export function intersect(a: readonly CodePoints[], b: readonly CodePoints[]): CodePoints[] {
  const common: CodePoints[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const [first, last] = [Math.max(a[i]![0], b[j]![0]), Math.min(a[i]![1], b[j]![1])];
    if (first <= last) common.push([first, last]);
    if (a[i]![1] < b[j]![1]) i++;
    else j++;
  }
  return common;
}

/** Ascending and without overlaps. */
export function union(ranges: readonly CodePoints[]): CodePoints[] {
  const joined: [number, number][] = [];
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const before = joined.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else joined.push([first, last]);
  }
  return joined;
}

/** All code points that are not in an ascending list. */
export function complement(ranges: readonly CodePoints[]): CodePoints[] {
  const rest: CodePoints[] = [];
  let from = 0;
  for (const [first, last] of ranges) {
    if (first > from) rest.push([from, first - 1]);
    from = last + 1;
  }
  if (from <= 0x10ffff) rest.push([from, 0x10ffff]);
  return rest;
}

/** The characters that can be written with these bytes alone, ascending. */
export function writable(bytes: ReadonlySet<number>): CodePoints[] {
  const ranges: CodePoints[] = [];
  for (let byte = 0; byte < 0x80; byte++) if (bytes.has(byte)) ranges.push([byte, byte]);
  // a vocabulary that lacks one of the bytes that go on a character is taken to have none
  for (let byte = 0x80; byte < 0xc0; byte++) if (!bytes.has(byte)) return union(ranges);
  for (let byte = 0xc2; byte <= 0xf4; byte++) {
    const lead = leadByte(byte);
    if (lead && bytes.has(byte)) ranges.push(...reachable(lead, lead.missing + 1));
  }
  return union(ranges);
}

/** True if one of the ranges has the code point. */
export function contains(ranges: readonly CodePoints[], codePoint: number): boolean {
  for (const [first, last] of ranges) if (codePoint <= last) return codePoint >= first;
  return false;
}

/** @returns the number of characters, undefined for bytes that are not whole characters, all of them of the ranges. */
export function countCharacters(bytes: Uint8Array, ranges: readonly CodePoints[]): number | undefined {
  let count = 0;
  for (let i = 0; i < bytes.length; count++) {
    const byte = bytes[i++]!;
    if (byte < 0x80) {
      if (!contains(ranges, byte)) return undefined;
      continue;
    }
    const lead = leadByte(byte);
    if (!lead) return undefined;
    let { value } = lead;
    for (let missing = lead.missing; missing > 0; missing--) {
      const next = bytes[i++];
      if (next === undefined || (next & 0xc0) !== 0x80) return undefined;
      value = (value << 6) | (next & 0x3f);
    }
    if (reachable({ value, missing: 0 }, lead.missing + 1).length === 0 || !contains(ranges, value)) return undefined;
  }
  return count;
}
