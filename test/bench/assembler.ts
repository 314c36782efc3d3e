/** Just enough of a WebAssembly assembler for loops that stay in registers: the ceilings that kernels are compared with. */

const V128 = 0x7b;
const I32 = 0x7f;

const unsigned = (n: number): number[] => n < 128 ? [n] : [(n & 127) | 128, ...unsigned(n >>> 7)];
const section = (id: number, ...body: number[]) => [id, ...unsigned(body.length), ...body];

/** SIMD instructions by opcode, without immediates. */
const simd = (opcode: number) => [0xfd, ...unsigned(opcode)];
export const op = {
  get: (local: number) => [0x20, ...unsigned(local)],
  set: (local: number) => [0x21, ...unsigned(local)],
  i8Splat: (value: number) => [0x41, value & 127, ...simd(0x0f)],
  i16Splat: (value: number) => [0x41, ...signed(value), ...simd(0x10)],
  f32Splat: (value: number) => [0x43, ...new Uint8Array(Float32Array.of(value).buffer), ...simd(0x13)],
  /** v128.load at local 1 plus an offset. */
  load: (offset: number) => [0x20, 1, ...simd(0x00), 4, ...unsigned(offset)],
  relaxedDot: simd(0x113),
  dotI16: simd(0xba),
  addI32: simd(0xae),
  addF32: simd(0xe4),
  subF32: simd(0xe5),
  mulF32: simd(0xe6),
  xor: simd(0x51),
} as const;

/** First local that is a v128: local 0 counts the rounds, local 1 is an address. */
export const FIRST = 2;

/**
 * A module with `run(rounds, address)` that repeats a body; `advance` is added to the address each round, `vectors` is the
 * number of v128 locals, `setUp` gives them their first values. Memory: one that the caller imports.
 */
export function loopModule(vectors: number, setUp: number[], body: number[], advance = 0): WebAssembly.Module {
  const step = advance === 0 ? [] : [0x20, 1, 0x41, ...signed(advance), 0x6a, 0x21, 1];
  const code = [
    ...[1, ...unsigned(vectors), V128],
    ...setUp,
    ...[0x03, 0x40, ...body, ...step],
    // rounds -= 1, again while it is not 0
    ...[0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b],
    // the results are used, or the engine could leave out what made them
    ...Array.from({ length: vectors }, (_, i) => [...op.get(FIRST + i), ...(i ? op.xor : [])]).flat(),
    ...[...simd(0x1b), 0, 0x0b],
  ];
  const name = [...new TextEncoder().encode("run")];
  const memory = [...new TextEncoder().encode("memory")];
  return new WebAssembly.Module(Uint8Array.from([
    ...[0, 97, 115, 109, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 2, I32, I32, 1, I32),
    ...section(2, 1, 1, 101, memory.length, ...memory, 2, 0, 1),
    ...section(3, 1, 0),
    ...section(7, 1, name.length, ...name, 0, 0),
    ...section(10, 1, ...unsigned(code.length), ...code),
  ]));
}

function signed(n: number): number[] {
  const bytes = [];
  for (;;) {
    const byte = n & 127;
    n >>= 7;
    if ((n === 0 && !(byte & 64)) || (n === -1 && byte & 64)) return [...bytes, byte];
    bytes.push(byte | 128);
  }
}
