/** Files of few bytes that claim, unpack to, or ask for the work of, very much. */
import { joined } from "../../sdk/sources/collect.ts";

/** Zeros as a zlib stream, a thousandth of their size. */
export async function zlibZeros(bytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const pieces = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const length = Math.min(bytes, 1 << 24);
      if (length === 0) return controller.close();
      bytes -= length;
      controller.enqueue(new Uint8Array(length));
    },
  });
  return await new Response(pieces.pipeThrough(new CompressionStream("deflate"))).bytes();
}

/** Files, or parts of one, put together. */
export function concatenated(...parts: readonly Uint8Array[]): Uint8Array {
  return joined(parts, parts.reduce((sum, { length }) => sum + length, 0));
}

/** A gray JPEG in which every block is visited by as many scans, each of them of a few bytes where it is progressive. */
export function jpegOfScans(side: number, progressive: boolean, scans: number): Uint8Array {
  const segment = (marker: number, ...body: number[]) => [0xff, marker, 0, body.length + 2, ...body];
  const code = (table: number, symbol: number) => segment(0xc4, table, 1, ...new Array(15).fill(0), symbol);
  const blocks = Math.ceil(side / 8) ** 2;
  // one bit a block: no difference; where the alternating part is in the scan too, a second one: its end
  const zeros = (bits: number) => new Array(Math.ceil(bits / 8)).fill(0);
  const whole = [...segment(0xda, 1, 1, 0x00, 0, 63, 0), ...zeros(2 * blocks)];
  const direct = [...segment(0xda, 1, 1, 0x00, 0, 0, 0), ...zeros(blocks)];
  // the symbol 0xe0, and 14 bits of zeros: the next 2^14 blocks have nothing
  const rest = [...segment(0xda, 1, 1, 0x00, 1, 63, 0), ...zeros(15 * Math.ceil(blocks / 2 ** 14))];
  const header = [
    ...[0xff, 0xd8],
    ...segment(0xdb, 0, ...new Array(64).fill(8)),
    ...segment(progressive ? 0xc2 : 0xc0, 8, side >> 8, side & 255, side >> 8, side & 255, 1, 1, 0x11, 0),
    ...code(0x00, 0),
    ...code(0x10, progressive ? 0xe0 : 0),
  ];
  const [first, later] = progressive ? [direct, rest] : [whole, whole];
  const others = Array.from({ length: scans - 1 }, () => Uint8Array.from(later));
  return concatenated(Uint8Array.from([...header, ...first]), ...others, Uint8Array.of(0xff, 0xd9));
}
