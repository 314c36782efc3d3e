import assert from "node:assert/strict";
import type { LorisErrorCode } from "../../sdk/errors.ts";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import type { Source } from "../../sdk/sources/source.ts";
import {
  array,
  ByteWriter,
  type FileSpec,
  nested,
  ones,
  string,
  type TensorSpec,
  uint16,
  uint32,
  type Value,
  VALUE_TYPES,
  writeGguf,
  writeSplit,
} from "./write.ts";

const MANY = 2n ** 48n;
/** A refusal takes milliseconds; what is bounded is that nothing loops over, or allocates, what a file claims. */
const MAX_MS = 2000;
const MAX_ALLOCATED_BYTES = 32 << 20;

async function refuses(sources: Source | readonly Source[], code: LorisErrorCode, message: RegExp): Promise<void> {
  const [startMs, before] = [performance.now(), Deno.memoryUsage()];
  await assert.rejects(openGguf(sources), { name: "LorisError", code, message });
  const after = Deno.memoryUsage();
  const allocated = after.heapTotal + after.external - before.heapTotal - before.external;
  assert.ok(allocated < MAX_ALLOCATED_BYTES, `${allocated} bytes were allocated to refuse`);
  assert.ok(performance.now() - startMs < MAX_MS, "too slow");
}

const named = (bytes: Uint8Array) => bytesSource(bytes, "hostile.gguf");
const one = (rest: Partial<TensorSpec>): FileSpec => ({ tensors: [ones("t", 8, rest)] });
const pair = (value: Value): FileSpec => ({ metadata: [["k", value]] });
const aligned = (alignment: number): FileSpec => ({ metadata: [["general.alignment", uint32(alignment)]] });

const INVALID: readonly [what: string, file: FileSpec | Uint8Array, message: RegExp][] = [
  ["no bytes", new Uint8Array(0), /at least 24 bytes, this one has 0/],
  ["zeros only", new Uint8Array(4096), /does not begin with "GGUF" \(found 0x00000000\)/],
  ["another format", new TextEncoder().encode("PK\x03\x04" + "x".repeat(60)), /does not begin with "GGUF"/],
  ["a GGML file of old", new TextEncoder().encode("lmgg" + "x".repeat(60)), /does not begin with "GGUF"/],

  [
    "2^48 tensors",
    { claimedTensors: MANY },
    /281474976710656 tensors needs 9007199254740992 bytes or more, 8 are left/,
  ],
  ["2^64 - 1 tensors", { claimedTensors: 2n ** 64n - 1n }, /number of tensors is 18446744073709551615/],
  ["2^48 metadata pairs", { claimedPairs: MANY }, /281474976710656 metadata pairs needs/],
  ["2^64 - 1 metadata pairs", { claimedPairs: 2n ** 64n - 1n }, /number of metadata pairs is 18446744073709551615/],
  ["one tensor too many", { tensors: [ones("t", 8)], claimedTensors: 2 }, /hostile\.gguf: /],
  ["one pair too many", { ...one({}), metadata: [["k", uint32(1)]], claimedPairs: 2 }, /hostile\.gguf: /],

  ["a string of 2^48 bytes", pair((w) => w.u32(8).u64(MANY)), /k needs 281474976710656 bytes or more/],
  ["a string of 2^63 bytes", pair((w) => w.u32(8).u64(2n ** 63n)), /the length of k is 9223372036854775808/],
  ["an array of 2^48 bytes", pair(array(VALUE_TYPES.u8, [], MANY)), /k needs 281474976710656 bytes/],
  ["an array of 2^48 doubles", pair(array(VALUE_TYPES.f64, [], MANY)), /k needs 2251799813685248 bytes/],
  ["an array of 2^48 strings", pair(array(VALUE_TYPES.string, [], MANY)), /k needs 2251799813685248 bytes/],
  ["an array of 2^48 arrays", pair(array(VALUE_TYPES.array, [], MANY)), /k needs 3377699720527872 bytes/],
  ["an array of 2^53 - 1 doubles", pair(array(VALUE_TYPES.f64, [], 2n ** 53n - 1n)), /k needs/],
  ["an array of 2^63 bytes", pair(array(VALUE_TYPES.u8, [], 2n ** 63n)), /the length of k is 9223372036854775808/],
  ["an array of 2^28 strings", pair(array(VALUE_TYPES.string, [], 2 ** 28)), /k needs 2147483648 bytes/],
  ["arrays 5 deep", pair(nested(5)), /k nests arrays more than 4 deep/],
  ["arrays 20,000 deep", pair(nested(20_000)), /k nests arrays more than 4 deep/],
  ["an unknown value type", pair((w) => w.u32(13).u64(0)), /k has the unknown value type 13/],
  ["an array of an unknown type", pair(array(99, [])), /k is an array of the unknown value type 99/],
  ["a key twice", { metadata: [["k", uint32(1)], ["k", uint32(1)]] }, /metadata key k occurs twice/],

  ["alignment 0", aligned(0), /general\.alignment 0 is no power of two/],
  ["alignment 24", aligned(24), /general\.alignment 24 is no power of two/],
  ["alignment 2^31", aligned(2 ** 31), /general\.alignment must be a whole number from 0 to 1048576/],
  ["alignment in words", { metadata: [["general.alignment", string("32")]] }, /must be a whole number/],

  ["no dimensions", one({ shape: [] }), /t has 0 dimensions, not 1 to 4/],
  ["5 dimensions", one({ shape: [8, 1, 1, 1, 1] }), /t has 5 dimensions, not 1 to 4/],
  ["2^32 - 1 dimensions", one({ dimensions: 2 ** 32 - 1 }), /t has 4294967295 dimensions/],
  ["a dimension of zero", one({ shape: [8, 0] }), /t has the impossible shape \[8, 0\]/],
  ["dimensions whose product is 2^64", one({ shape: [2n ** 32n, 2n ** 32n] }), /t has the impossible shape/],
  ["dimensions whose product is 2^200", one({ shape: [2n ** 50n, 2n ** 50n, 2n ** 50n, 2n ** 50n] }), /impossible/],
  ["a dimension of 2^64 - 1", one({ shape: [2n ** 64n - 1n] }), /a dimension of t is 18446744073709551615/],
  ["more elements than the file has", one({ shape: [MANY] }), /t ends at byte 1125\d+, the file has \d+; it was cut/],
  ["one row too many", one({ shape: [8, 2] }), /t ends at byte \d+, the file has \d+; it was cut/],
  [
    "rows that do not fill blocks",
    one({ shape: [8], type: 2 }),
    /rows of 8 elements do not fill blocks of 32 \(Q4_0\)/,
  ],
  [
    "blocks across rows",
    one({ shape: [128, 2], type: 12, data: new Uint8Array(144) }),
    /rows of 128 elements do not fill blocks of 256 \(Q4_K\)/,
  ],
  ["an offset behind the file", one({ offset: 2 ** 20 }), /t ends at byte \d+, the file has/],
  ["an offset of 2^48", one({ offset: MANY }), /t ends at byte 281474976\d+, the file has/],
  ["an offset of 2^53 - 32", one({ offset: 2n ** 53n - 32n }), /hostile\.gguf: /],
  ["an offset of 2^64 - 32", one({ offset: 2n ** 64n - 32n }), /the offset of t is 18446744073709551584/],
  ["an offset that is not aligned", one({ offset: 4, shape: [4] }), /t is not aligned to 32 bytes/],
  ["a tensor name of 2^48 bytes", named2to48(), /a tensor's name needs 281474976710656 bytes/],
  ["a tensor twice", { tensors: [ones("t", 8), ones("t", 8)] }, /the tensor t occurs twice/],
  ["overlapping tensors", { tensors: [ones("a", 16), ones("b", 8, { offset: 32 })] }, /tensors a and b overlap/],
  ["two tensors in one place", { tensors: [ones("b", 8), ones("a", 8, { offset: 0 })] }, /tensors b and a overlap/],
];

function named2to48(): Uint8Array {
  const w = new ByteWriter().raw(new TextEncoder().encode("GGUF")).u32(3).u64(1).u64(0).u64(MANY);
  return w.raw(new Uint8Array(64)).bytes();
}

for (const [what, file, message] of INVALID) {
  Deno.test(`openGguf() refuses as invalid: ${what}`, async () => {
    const bytes = file instanceof Uint8Array ? file : writeGguf(file);
    await refuses(named(bytes), "file_invalid", message);
  });
}

Deno.test("openGguf() quotes no more of a name than fits a message", async () => {
  const file = writeGguf({ metadata: [["k".repeat(1 << 20), nested(5)]] });
  await refuses(named(file), "file_invalid", /^hostile\.gguf: k{1900,2000}\.\.\.$/);
});

Deno.test("openGguf() refuses as unsupported: other versions, big-endian, unknown tensor types", async () => {
  for (const version of [0, 1, 4, 0xffff]) {
    const message = new RegExp(`^hostile\\.gguf: GGUF version ${version}; supported are versions 2 and 3`);
    await refuses(named(writeGguf({ version })), "file_unsupported", message);
  }
  const bigEndian = await Deno.readFile(new URL("vectors/big-endian.gguf", import.meta.url));
  await refuses(named(bigEndian), "file_unsupported", /big-endian files are not supported/);
  for (const type of [4, 5, 31, 1000, 2 ** 32 - 1]) {
    const message = new RegExp(`^hostile\\.gguf: t has the tensor type number ${type}, which is not known`);
    await refuses(named(writeGguf(one({ type }))), "file_unsupported", message);
  }
});

/** A file with every kind of metadata and several tensors, the last of which ends with the file. */
function whole(): Uint8Array {
  const text = (s: string) => (w: ByteWriter) => w.string(s);
  const bytes = writeGguf({
    metadata: [
      ["general.architecture", string("test")],
      ["tokens", array(VALUE_TYPES.string, Array.from({ length: 60 }, (_, i) => text(`token ${i}`)))],
      ["scores", array(VALUE_TYPES.f32, Array.from({ length: 60 }, (_, i) => (w: ByteWriter) => w.f32(i)))],
      ["deep", nested(4)],
      ["long", (w) => w.u32(VALUE_TYPES.u64).u64(2n ** 60n)],
      ["yes", (w) => w.u32(VALUE_TYPES.bool).u8(1)],
    ],
    tensors: [ones("a", 64), ones("b", 7, { shape: [7, 1] }), ones("c", 64)],
  });
  return bytes;
}

Deno.test("openGguf() refuses a file that was cut at any byte", async () => {
  const bytes = whole();
  assert.equal((await openGguf(named(bytes))).tensors.size, 3);
  for (let length = 0; length < bytes.length; length++) {
    await assert.rejects(openGguf(named(bytes.subarray(0, length))), { name: "LorisError", code: "file_invalid" });
  }
});

Deno.test("openGguf() opens or refuses by LorisError whatever byte is changed, and never reads past the end", async () => {
  const bytes = whole();
  let refused = 0;
  for (let at = 0; at < bytes.length; at++) {
    for (const value of [0x00, 0x7f, 0xff]) {
      const damaged = bytes.slice();
      damaged[at] = value;
      try {
        const { tensors } = await openGguf(named(damaged));
        for (const t of tensors.values()) assert.ok(t.offset + t.bytes <= bytes.length, `byte ${at} to ${value}`);
      } catch (error) {
        const code = (error as { code?: string }).code;
        assert.ok(code === "file_invalid" || code === "file_unsupported", `byte ${at} to ${value}: ${error}`);
        refused++;
      }
    }
  }
  assert.ok(refused > 200, `only ${refused} changes were refused`);
});

/** A source that says it is huge, as a server or a sparse file can, and gives zeros behind its first bytes. */
function huge(front: Uint8Array, requests: number[]): Source {
  return {
    name: "huge.gguf",
    size: () => Promise.resolve(2 ** 52),
    read(offset, length) {
      requests.push(length);
      if (length > 64 << 20) return Promise.reject(new Error(`asked for ${length} bytes at once`));
      const bytes = new Uint8Array(length);
      bytes.set(front.subarray(offset, offset + length));
      return Promise.resolve(bytes);
    },
  };
}

Deno.test("openGguf() allocates nothing for the lengths that a source of claimed 2^52 bytes claims", async () => {
  const claims: [FileSpec, RegExp][] = [
    [pair((w) => w.u32(8).u64(MANY)), /with k the header is over 67108864 bytes/],
    [pair(array(VALUE_TYPES.u8, [], MANY)), /with k the header is over 67108864 bytes/],
    [pair(array(VALUE_TYPES.f64, [], 2 ** 28)), /with k the header is over 67108864 bytes/],
    [{ claimedPairs: 2 ** 40 }, /the metadata key {2}occurs twice/],
    [{ claimedTensors: 2 ** 40 }, /has 0 dimensions/],
  ];
  for (const [file, message] of claims) {
    const requests: number[] = [];
    await refuses(huge(writeGguf(file), requests), "file_invalid", message);
    assert.ok(requests.reduce((a, b) => a + b, 0) <= 2 << 20, `${requests} bytes were asked for`);
  }
});

Deno.test("openGguf() refuses a source that gives fewer or more bytes than it was asked for", async () => {
  const bytes = whole();
  for (const change of [-1, 1]) {
    const source: Source = {
      name: "short.gguf",
      size: () => Promise.resolve(bytes.length),
      read: (_offset, length) => Promise.resolve(new Uint8Array(length + change)),
    };
    await refuses(source, "source_failed", /short\.gguf: wanted were \d+ bytes from byte 0, \d+ came/);
  }
});

const split = (parts: readonly (readonly TensorSpec[])[], total?: number) =>
  writeSplit(parts, total).map((bytes, i) => bytesSource(bytes, `part${i + 1}`));
const [a, b, c] = [[ones("a", 8)], [ones("b", 8)], [ones("c", 8)]] as const;

Deno.test("openGguf() refuses wrong split sets", async () => {
  const set = split([a, b, c]) as [Source, Source, Source];
  assert.deepEqual([...(await openGguf(set)).tensors.keys()], ["a", "b", "c"]);
  const strange = bytesSource(writeGguf({ metadata: [["split.no", uint16(1)]], tensors: a }), "strange");
  const wrong: [Source | Source[], LorisErrorCode, RegExp][] = [
    [[], "argument_invalid", /no source was given/],
    [set[0], "file_invalid", /part1 is one of 3 split files; give all of them, in order/],
    [[set[1]], "file_invalid", /part2 is one of 3 split files/],
    [[set[0], set[1]], "file_invalid", /part1 says that it is part 1 of 3, it was given as part 1 of 2/],
    [[set[0], set[2], set[1]], "file_invalid", /part3 says that it is part 3 of 3, it was given as part 2 of 3/],
    [[set[0], set[0], set[2]], "file_invalid", /part1 says that it is part 1 of 3, it was given as part 2 of 3/],
    [[set[0], strange, set[2]], "file_invalid", /strange: the metadata key split\.count is missing/],
    [split([a, b, a]), "file_invalid", /part3: the tensor a is in two split files/],
    [split([a, b, c], 4), "file_invalid", /part1: split\.tensors\.count is 4, found were 3/],
  ];
  for (const [sources, code, message] of wrong) await refuses(sources, code, message);
});
