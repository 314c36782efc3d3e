import assert from "node:assert/strict";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { SequentialReader } from "../../sdk/sources/sequential.ts";
import type { Source } from "../../sdk/sources/source.ts";

const FILE = Uint8Array.from({ length: 1000 }, (_, i) => (i * 13 + (i >> 8)) & 255);
const failed = (message: RegExp) => ({ name: "LorisError", code: "source_failed", message });
const memory = bytesSource(FILE, "m");

/** The same file by each way that a reader has: blocks, blocks in one memory, a stream in chunks of odd sizes. */
const WAYS: Readonly<Record<string, Source>> = {
  read: memory,
  readInto: {
    ...memory,
    read: () => Promise.reject(new Error("readInto() is there and was not used")),
    readInto: (offset, into) => Promise.resolve(into.set(FILE.subarray(offset, offset + into.length))),
  },
  stream: {
    ...memory,
    read: () => Promise.reject(new Error("stream() is there and was not used")),
    async *stream(offset, length) {
      const sizes = [1, 0, 17, 3, 64];
      for (let at = offset, i = 0; at < offset + length; i++) {
        const end = Math.min(at + sizes[i % sizes.length]!, offset + length);
        yield await memory.read(at, end - at);
        at = end;
      }
    },
  },
};

async function piece(reader: SequentialReader, offset: number, length: number): Promise<Uint8Array> {
  const into = new Uint8Array(length);
  await reader.read(offset, into);
  return into;
}

for (const [way, source] of Object.entries(WAYS)) {
  Deno.test(`SequentialReader by ${way}: pieces of any size, gaps between them, all block sizes`, async () => {
    for (const blockBytes of [1, 7, 64, 999, 5000]) {
      const reader = new SequentialReader(source, 20, 990, blockBytes);
      const pieces = [[20, 1], [21, 5], [26, 0], [40, 100], [141, 63], [300, 400], [989, 1]] as const;
      for (const [offset, length] of pieces) {
        const got = await piece(reader, offset, length);
        assert.deepEqual(got, FILE.slice(offset, offset + length), `${offset}, ${length} by ${blockBytes}`);
      }
      await reader.close();
    }
  });

  Deno.test(`SequentialReader by ${way}: refuses to go back or past its end`, async () => {
    const reader = new SequentialReader(source, 20, 100, 16);
    await assert.rejects(piece(reader, 19, 1), RangeError);
    await assert.rejects(piece(reader, 90, 11), RangeError);
    await piece(reader, 30, 10);
    await assert.rejects(piece(reader, 39, 1), RangeError);
    assert.deepEqual(await piece(reader, 40, 60), FILE.slice(40, 100));
    await reader.close();
  });

  Deno.test(`SequentialReader by ${way}: rejects with the signal's reason`, async () => {
    const abort = new AbortController();
    const reader = new SequentialReader(source, 0, 1000, 16, abort.signal);
    await piece(reader, 0, 10);
    const reason = new Error("stop");
    abort.abort(reason);
    await assert.rejects(piece(reader, 10, 100), (e) => e === reason);
    await reader.close();
  });
}

Deno.test("SequentialReader reports a stream that ends early, where it ended", async () => {
  const short: Source = {
    ...memory,
    async *stream(offset) {
      yield await memory.read(offset, 30);
    },
  };
  const reader = new SequentialReader(short, 10, 100, 16);
  await piece(reader, 10, 20);
  await assert.rejects(
    piece(reader, 30, 20),
    failed(/^m: the stream ended at byte 40, wanted were the bytes up to 100/),
  );
  await reader.close();
});

Deno.test("SequentialReader reports a stream that goes on after what was asked for", async () => {
  for (const sizes of [[81], [80, 1], [80, 0, 1], [40, 41]]) {
    const long: Source = {
      ...memory,
      async *stream(offset) {
        for (const size of sizes) yield await memory.read(offset, size);
      },
    };
    const reader = new SequentialReader(long, 20, 100, 16);
    await piece(reader, 20, 79);
    await assert.rejects(piece(reader, 99, 1), failed(/^m: the stream goes on after byte 100, the last one that/));
    await reader.close();
  }
});

Deno.test("SequentialReader ends with the signal's reason where its source stands still and looks at no signal", async () => {
  const still = new Promise<never>(() => {});
  const sources: Source[] = [
    { ...memory, read: () => still },
    { ...memory, readInto: () => still },
    {
      ...memory,
      async *stream() {
        yield await still;
      },
    },
  ];
  for (const source of sources) {
    const abort = new AbortController();
    const reason = new Error("no patience");
    const reader = new SequentialReader(source, 0, 1000, 16, abort.signal);
    const reading = piece(reader, 0, 10);
    abort.abort(reason);
    await assert.rejects(reading, (e) => e === reason);
    await reader.close();
  }
});

Deno.test("SequentialReader refuses blocks that are shorter or longer than asked for", async () => {
  for (const change of [-1, 1]) {
    const wrong: Source = { ...memory, read: (offset, length) => memory.read(offset, length + change) };
    const reader = new SequentialReader(wrong, 0, 100, 16);
    await assert.rejects(piece(reader, 0, 40), failed(/^m: wanted were 16 bytes from byte 0, 1[57] came/));
    await reader.close();
  }
});

Deno.test("SequentialReader passes on the error of the k-th block, for every k", async () => {
  for (let k = 0; k < 7; k++) {
    const fault = new Error(`block ${k}`);
    let count = 0;
    const faulty: Source = {
      ...memory,
      read: (offset, length) => count++ === k ? Promise.reject(fault) : memory.read(offset, length),
    };
    const reader = new SequentialReader(faulty, 0, 100, 16);
    let good = 0;
    await assert.rejects(async () => {
      for (; good < 100; good++) await piece(reader, good, 1);
    }, (e) => e === fault);
    assert.equal(good, k * 16);
    await reader.close();
  }
});

Deno.test("SequentialReader.close() ends the stream underneath", async () => {
  let ended = false;
  const source: Source = {
    ...memory,
    async *stream(offset, length) {
      try {
        for (let at = offset; at < offset + length; at += 10) yield await memory.read(at, 10);
      } finally {
        ended = true;
      }
    },
  };
  const reader = new SequentialReader(source, 0, 1000, 16);
  await piece(reader, 0, 15);
  assert.equal(ended, false);
  await reader.close();
  assert.equal(ended, true);
});
