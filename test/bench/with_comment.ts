/**
 * The same picture as another file: a JPEG with a comment (segment `COM`) behind its first marker. Its pixels are equal and
 * its bytes are not, so that nothing kept of the one serves for the other.
 */
export function withComment(jpeg: Uint8Array<ArrayBuffer>, comment: string): Uint8Array<ArrayBuffer> {
  if (jpeg[0] !== 0xff || jpeg[1] !== 0xd8) throw new RangeError("this is no JPEG file");
  const text = new TextEncoder().encode(comment);
  const length = text.length + 2;
  const file = new Uint8Array(jpeg.length + length + 2);
  file.set([0xff, 0xd8, 0xff, 0xfe, length >> 8, length & 0xff]);
  file.set(text, 6);
  file.set(jpeg.subarray(2), length + 4);
  return file;
}
