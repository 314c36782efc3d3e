/** Lazy plans beyond the golden prompt: several pictures, several turns, chunks of any size, every type of cache. */
import assert from "node:assert/strict";
import type { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import type { KvCache } from "../../sdk/lazy/cache.ts";
import { densePlan, kvElements, type LazyPlan, planKey } from "../../sdk/lazy/plan.ts";
import { MemoryPlan } from "../../sdk/memory/plan.ts";
import type { KvType } from "../../sdk/model/assemble.ts";
import { Pacer } from "../../sdk/model/pacer.ts";
import type { Span } from "../../sdk/model/spans.ts";
import type { PromptPiece, Vlm } from "../../sdk/model/vlm.ts";
import { numbers } from "../ops/harness.ts";
import { openPair } from "./pair.ts";

const nano = (name: string) => new URL(`../../models/nano/${name}`, import.meta.url);
const LAYERS = 12;
const [WIDTH, KEY_WIDTH] = [576, 192];

const PLANS: readonly LazyPlan[] = [
  densePlan(LAYERS),
  { anchor: [0, 1, 1, 1, 1, 1, 6, 6, 6, 6, 6, 6], mode: "gla" },
  { anchor: [0, 1, 1, 1, 1, 1, 6, 6, 6, 6, 6, 6], mode: "vla" },
  { anchor: [0, 1, 2, 3, 3, 5, 5, 5, 8, 9, 10, 10], mode: "vla" },
  { anchor: [0, 0, 2, 3, 4, 5, 6, 7, 7, 9, 10, 11], mode: "gla" },
];
const TYPES: readonly KvType[] = ["f16", "q8"];

/** Two turns with a picture each, the second of two tiles side by side. */
const ids = (count: number, from: number) => Array.from({ length: count }, (_, i) => (from + i * 37) % 8000);
const tile = (seed: number): PromptPiece => ({ kind: "embeddings", rows: numbers(seed, 64 * WIDTH, 0.5) });
const TURNS: readonly (readonly PromptPiece[])[] = [
  [{ kind: "text", ids: ids(9, 3) }, tile(1), { kind: "text", ids: ids(6, 500) }],
  [{ kind: "text", ids: ids(3, 90) }, tile(2), tile(3), { kind: "text", ids: ids(2, 7) }, tile(4), {
    kind: "text",
    ids: ids(5, 44),
  }],
];
const TOKENS = { text: 25, visual: 4 * 64 };

/** A model on which any plan can be tried, and a place for rows. */
async function open() {
  const files = [nano("nano-text-q4_0.gguf"), nano("nano-mmproj-q8_0.gguf")] as const;
  const model = await openPair("relaxed", ...files, { contextTokens: 320, anyPlan: true });
  const backend = model.vlm.backend as WasmBackend;
  const plan = new MemoryPlan(backend.memory.buffer.byteLength);
  const rows = plan.reserve("rows", model.vlm.language.maxRows * WIDTH * 4);
  backend.reserve(plan.end);
  return { model, rows };
}

/** A turn's rows: hidden states, and which of them are visual. */
async function rowsOf({ language, backend }: Vlm, pieces: readonly PromptPiece[], at: number) {
  const states: Float32Array[] = [];
  const visual: number[] = [];
  const add = (state: Float32Array, kind: number) => {
    states.push(state);
    visual.push(kind);
  };
  for (const piece of pieces) {
    if (piece.kind === "text") {
      for (const id of Array.from(piece.ids)) {
        language.embed(at, [id]);
        add(await backend.read(at, WIDTH), 0);
      }
    } else if (piece.kind === "embeddings") {
      for (let row = 0; row < 64; row++) add(piece.rows.subarray(row * WIDTH, (row + 1) * WIDTH), 1);
    }
  }
  return { states, visual };
}

/** Both turns by passes of so many rows; the logits after the last. */
async function inChunks(vlm: Vlm, cache: KvCache, size: number, at: number): Promise<Float32Array> {
  const { language, backend } = vlm;
  let last = 0;
  for (const turn of TURNS) {
    const { states, visual } = await rowsOf(vlm, turn, at);
    for (let from = 0; from < states.length; from += size) {
      const some = states.slice(from, from + size);
      some.forEach((state, i) => backend.write(at + i * WIDTH * 4, state));
      const span: Span = { cache, rows: some.length, visual: visual.slice(from, from + size), wanted: "last" };
      await language.forward(at, [span], new Pacer());
      last = at + (some.length - 1) * WIDTH * 4;
    }
  }
  return await backend.read(language.logits(last), language.config.vocabulary);
}

const { model, rows } = await open();

for (const lazy of PLANS) {
  for (const kv of TYPES) {
    const name = `${planKey(lazy)} ${kv}: two turns of four pictures give the same bits in chunks of any size, ` +
      "in as many bytes as the formula says";
    Deno.test(name, async () => {
      const elements = kvElements(lazy, TOKENS.text + TOKENS.visual, TOKENS.visual, KEY_WIDTH);
      const { vlm, cache } = model.under({ lazy, kv });
      for (const turn of TURNS.slice(0, -1)) await vlm.prefill(cache, turn);
      const { logits } = await vlm.prefill(cache, TURNS.at(-1)!);
      const want = await vlm.backend.read(logits, vlm.language.config.vocabulary);
      const check = (of: KvCache) => {
        assert.deepEqual([of.length, of.textLength], [TOKENS.text + TOKENS.visual, TOKENS.text]);
        // of 64 elements in 8 bits and one f32 scale, or in 16 bits
        assert.equal(of.usedBytes, kv === "q8" ? elements / 64 * 68 : elements * 2);
      };
      check(cache);
      for (const size of [7, 50]) {
        const again = model.under({ lazy, kv });
        const got = await inChunks(again.vlm, again.cache, size, rows);
        assert.deepEqual(got, want, `chunks of ${size}`);
        check(again.cache);
      }
    });
  }
}
