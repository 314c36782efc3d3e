import { FIRST, loopModule, op } from "./assembler.ts";
import type { Job } from "./measure.ts";

/** Sums that run beside each other: enough for an instruction's latency not to be what is measured. */
const CHAINS = 12;
const UNROLL = 8;

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
  const run = instance(loopModule(CHAINS + 1, setUp, body), new WebAssembly.Memory({ initial: 1 }));
  const rounds = 20_000;
  return { name, work: rounds * UNROLL * CHAINS * opsEach, run: () => void run(rounds, 0) };
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

const ONE: readonly [number, number, number, number] = [0, 0, 0x80, 0x3f];

/** What this engine reaches where nothing has to be fetched, converted or stored. Work: operations, or bytes read. */
export function ceilings(): Job[] {
  return [
    registerLoop("i8 relaxed dot", 32, op.i8Splat(3), (s, x) => [
      ...[...op.get(x), ...op.get(x), ...op.get(s), ...op.relaxedDot, ...op.set(s)],
    ]),
    // the product reads the sum: an engine would make a product of two constants once, before the loop
    registerLoop("i16 dot + add", 16, op.i8Splat(3), (s, x) => [
      ...[...op.get(s), ...op.get(x), ...op.dotI16, ...op.get(x), ...op.addI32, ...op.set(s)],
    ]),
    registerLoop("f32 mul + add", 8, op.f32Splat(ONE), (s, x) => [
      ...[...op.get(s), ...op.get(x), ...op.mulF32, ...op.get(x), ...op.addF32, ...op.set(s)],
    ]),
    readLoop("read, cached", 1 << 18),
    readLoop("read, memory", 192 << 20),
  ];
}
