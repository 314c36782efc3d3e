/** An engine that refuses memory at its k-th growth, for every k of a load and of a picture; and what comes after it. */
import assert from "node:assert/strict";
import { DOGS, rejection } from "../sdk/model.ts";
import { decoder, MIB, refusal } from "../image/decoder.ts";
import { answersAsEver, look, opensAndAnswers, openTiny } from "./tiny.ts";

interface Growths {
  /** Memories made, and calls of `grow`. */
  count: number;
  /** Which of them, counted from now on, is refused; -1: none. */
  refuse(k: number): void;
}

/** Runs `use` where engines' refusals can be had: what they throw is what V8 throws. */
async function withRefusals(use: (growths: Growths) => Promise<void>): Promise<void> {
  const Original = WebAssembly.Memory;
  let refusedAt = -1;
  const growths: Growths = { count: 0, refuse: (k) => refusedAt = k < 0 ? -1 : growths.count + k };
  const grow = (message: string) => {
    if (growths.count++ === refusedAt) throw new RangeError(message);
  };
  WebAssembly.Memory = class extends Original {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      grow("WebAssembly.Memory(): could not allocate memory");
      super(descriptor);
    }
    override grow(pages: number): number {
      grow("WebAssembly.Memory.grow(): Unable to grow instance memory");
      return super.grow(pages);
    }
  };
  try {
    await use(growths);
  } finally {
    WebAssembly.Memory = Original;
  }
}

Deno.test("load() where the k-th growth is refused, for every k: memory_budget with the bytes, the next load is right", async () => {
  await withRefusals(async (growths) => {
    await (await openTiny()).close();
    const { count } = growths;
    assert.equal(count, 2, "the kernels' memory, and its growth to the plan's size");
    for (let k = 0; k < count; k++) {
      growths.refuse(k);
      const { name, code, param, message } = await rejection(openTiny());
      assert.deepEqual([name, code, param], ["LorisError", "memory_budget", "memoryBudget"], message);
      assert.match(message, /^the engine refused a WebAssembly memory of \d+ bytes; .*smaller memoryBudget/);
      await opensAndAnswers(`after growth ${k}`);
    }
  });
});

Deno.test("a picture whose decoder gets no memory: memory_budget, the next picture is right", async () => {
  await withRefusals(async (growths) => {
    const captioner = await openTiny();
    growths.refuse(0);
    const { code, message } = await rejection(look(captioner));
    assert.equal(code, "memory_budget", message);
    await answersAsEver(captioner, "after the refusal");
    await captioner.close();
  });
});

/** Where memories for pictures may have this many pages, whatever is asked for. */
async function withPages(pages: number, use: () => void | Promise<void>): Promise<void> {
  const Original = WebAssembly.Memory;
  WebAssembly.Memory = class extends Original {
    constructor({ initial, maximum }: WebAssembly.MemoryDescriptor) {
      super({ initial, maximum: Math.min(maximum!, pages) });
    }
  };
  try {
    await use();
  } finally {
    WebAssembly.Memory = Original;
  }
}

Deno.test("a picture whose decoder's memory stops growing at any page: image_too_large, the next picture is right", async () => {
  const d = decoder();
  const first = d.peakMemoryBytes;
  assert.equal(first, 0);
  const wanted = d.decode(DOGS, 224, 224);
  const [least, pages] = [24, d.peakMemoryBytes / 65536];
  assert.ok(pages > least + 4, `${pages} pages`);
  for (let most = least; most < pages; most++) {
    const tight = decoder();
    await withPages(most, () => {
      const { code, message } = refusal(() => tight.decode(DOGS, 224, 224));
      assert.equal(code, "image_too_large", `${most} pages: ${message}`);
      assert.match(message, /^the picture found no more memory than \d+ bytes, allowed are 16777216; /);
      assert.ok(tight.peakMemoryBytes <= most * 65536);
    });
    assert.deepEqual(tight.decode(DOGS, 224, 224), wanted, `after ${most} pages`);
  }
  assert.ok(16 * MIB > pages * 65536);
});
