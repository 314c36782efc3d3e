/** Values of base64's characters by code, and what is to be done with the others. */
const [SPACE, PAD, WRONG] = [64, 65, 66];
const VALUES = new Uint8Array(128).fill(WRONG);
for (const [value, c] of [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].entries()) {
  VALUES[c.charCodeAt(0)] = value;
}
for (const space of "\t\n\f\r ") VALUES[space.charCodeAt(0)] = SPACE;
VALUES["=".charCodeAt(0)] = PAD;

/**
 * Base64 as the infra standard's "forgiving" decoder reads it, which `atob` is: white space anywhere, padding or none. It goes
 * straight into bytes: the way over texts takes several times a picture's memory.
 *
 * @returns undefined for what is no base64.
 */
export function base64Bytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor(text.length / 4 * 3));
  let [bits, digits, pads, filled] = [0, 0, 0, 0];
  for (let i = 0; i < text.length; i++) {
    const value = VALUES[text.charCodeAt(i)] ?? WRONG;
    if (value === SPACE) continue;
    if (value === WRONG || (pads > 0 && value !== PAD)) return undefined;
    if (value === PAD) {
      pads++;
      continue;
    }
    bits = (bits << 6) | value;
    digits++;
    if (digits % 4 === 0) {
      bytes[filled++] = bits >> 16;
      bytes[filled++] = bits >> 8;
      bytes[filled++] = bits;
    }
  }
  const rest = digits % 4;
  if (rest === 1 || pads > 2 || (pads > 0 && (digits + pads) % 4 !== 0)) return undefined;
  if (rest >= 2) bytes[filled++] = bits >> (rest === 2 ? 4 : 10);
  if (rest === 3) bytes[filled++] = bits >> 2;
  return bytes.subarray(0, filled);
}
