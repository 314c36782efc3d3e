import { FIRST, loopModule, op } from "./assembler.ts";
import type { Job } from "./measure.ts";

/** Sums that run beside each other: enough for an instruction's latency not to be what is measured. */
const CHAINS = 12;
const UNROLL = 8;
/** Multiplications and additions of an instruction that multiplies 16 pairs of bytes and adds each four. */
const OPS_PER_DOT = 32;

function instance(module: WebAssembly.Module, memory: WebAssembly.Memory): (rounds: number, address: number) => number {
  const { exports } = new WebAssembly.Instance(module, { e: { memory } });
  return exports.run as (rounds: number, address: number) => number;
}

/** A loop of `CHAINS` sums, `UNROLL` times each a round; `opsEach` operations an instruction group. */
function registerLoop(
  name: string,
  opsEach: number,
  splat: number[],
  group: (sum: number, x: number) => number[],
): Job {
  const x = FIRST + CHAINS;
  const setUp = Array.from({ length: CHAINS + 1 }, (_, i) => [...splat, ...op.set(FIRST + i)]).flat();
  const body = Array.from({ length: UNROLL * CHAINS }, (_, i) => group(FIRST + i % CHAINS, x)).flat();
  return loopJob(name, CHAINS + 1, setUp, body, UNROLL * CHAINS * opsEach);
}

/** @param work What one round of the body is counted as. */
function loopJob(name: string, vectors: number, setUp: number[], body: number[], work: number): Job {
  const run = instance(loopModule(vectors, setUp, body), new WebAssembly.Memory({ initial: 1 }));
  const rounds = 20_000;
  return { name, work: rounds * work, run: () => void run(rounds, 0) };
}

/** 1.5 * 2^23: a whole number added to its bits is added to its value, and a subtraction gives that number in f32. */
const MAGIC = 1.5 * 2 ** 23;
/** Steps of 4 inputs in a block of 32. */
const STEPS = 8;

/**
 * The 8-bit dots with the scaling that blocks of 32 ask for: after the 8 dots of a vector of 4 columns, its integers become
 * f32 (one subtraction), are multiplied by two scales and added to a sum. This bounds any exact product of such blocks.
 *
 * A block's integers go on from those of the block before: were each to begin anew, the engine would see that all are alike.
 * They do not grow, as the products of a dot cancel out. Sums are two for all chains: with one each, they would not all
 * have a register.
 */
function scaledDotLoop(name: string): Job {
  const sums = FIRST + CHAINS;
  const [scale, magic, x, y] = [2, 3, 4, 5].map((i) => sums + i) as [number, number, number, number];
  const setUp = [
    ...Array.from({ length: CHAINS }, (_, i) => [...op.f32Splat(MAGIC + i), ...op.set(FIRST + i)]).flat(),
    ...[...op.f32Splat(0.5), ...op.set(scale), ...op.f32Splat(MAGIC), ...op.set(magic)],
    // 3 and -3 in turns against 3: the signed bytes come first, which all engines read alike
    ...[...op.i16Splat(-3 * 256 + 3), ...op.set(x), ...op.i8Splat(3), ...op.set(y)],
  ];
  const chains = Array.from({ length: CHAINS }, (_, i) => FIRST + i);
  const dots = chains.flatMap((c) => [...op.get(x), ...op.get(y), ...op.get(c), ...op.relaxedDot, ...op.set(c)]);
  const scaled = chains.flatMap((c) => [
    ...[...op.get(c), ...op.get(magic), ...op.subF32, ...op.get(scale), ...op.mulF32, ...op.get(scale), ...op.mulF32],
    ...[...op.get(sums + c % 2), ...op.addF32, ...op.set(sums + c % 2)],
  ]);
  const body = [...Array.from({ length: STEPS }, () => dots).flat(), ...scaled];
  return loopJob(name, CHAINS + 6, setUp, body, STEPS * CHAINS * OPS_PER_DOT);
}

/** Reads a memory of `bytes` from end to end; work: bytes. */
export function readLoop(name: string, bytes: number): Job {
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536) + 1 });
  new Uint8Array(memory.buffer).fill(1);
  const lines = 16;
  const body = Array.from({ length: lines * 4 }, (_, i) => {
    const sum = FIRST + i % 8;
    return [...op.load(i * 16), ...op.get(sum), ...op.xor, ...op.set(sum)];
  }).flat();
  const run = instance(loopModule(8, [], body, lines * 64), memory);
  const rounds = Math.floor(bytes / (lines * 64));
  return { name, work: rounds * lines * 64, run: () => void run(rounds, 0) };
}

/** What this engine reaches where nothing has to be fetched, converted or stored. Work: operations, or bytes read. */
export function ceilings(): Job[] {
  return [
    registerLoop("i8 relaxed dot", OPS_PER_DOT, op.i8Splat(3), (s, x) => [
      ...[...op.get(x), ...op.get(x), ...op.get(s), ...op.relaxedDot, ...op.set(s)],
    ]),
    scaledDotLoop("i8 relaxed dot, scaled by blocks of 32"),
    // the product reads the sum: an engine would make a product of two constants once, before the loop
    registerLoop("i16 dot + add", 16, op.i8Splat(3), (s, x) => [
      ...[...op.get(s), ...op.get(x), ...op.dotI16, ...op.get(x), ...op.addI32, ...op.set(s)],
    ]),
    registerLoop("f32 mul + add", 8, op.f32Splat(1), (s, x) => [
      ...[...op.get(s), ...op.get(x), ...op.mulF32, ...op.get(x), ...op.addF32, ...op.set(s)],
    ]),
    readLoop("read, cached", 1 << 18),
    readLoop("read, memory", 192 << 20),
  ];
}
