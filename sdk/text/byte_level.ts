/**
 * GPT-2's byte-level alphabet: 188 printable bytes of Latin-1 stand for themselves, the other 68 are shown by the code
 * points from U+0100 on, in order.
 * Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", `bytes_to_unicode` of its code.
 */
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = (() => {
  const bytes = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    bytes.set(String.fromCharCode(printable ? byte : next++), byte);
  }
  return bytes;
})();

const encoder = new TextEncoder();

/** The bytes that a token of the byte-level alphabet stands for; a token with a foreign character is literal text. */
export function byteLevelBytes(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = BYTE_OF_CHARACTER.get(token[i]!);
    if (byte === undefined) return encoder.encode(token);
    bytes[i] = byte;
  }
  return bytes;
}
