/** Lazy plan, type of cache and visual tokens: each a switch of its own, in every combination. */
import assert from "node:assert/strict";
import type { LoadOptions } from "../../sdk/load.ts";
import type { Message } from "../../sdk/chat.ts";
import { DOGS, MOUNTAIN, open } from "./model.ts";

type Switches = Required<Pick<LoadOptions, "lazy" | "kv">> & Pick<LoadOptions, "visualTokens">;

const COMBINATIONS: Switches[] = (["off", "gla", "vla"] as const).flatMap((lazy) =>
  (["f16", "q8"] as const).flatMap((kv) => [
    { lazy, kv },
    ...[24, { keep: 24, by: "random" } as const].map((visualTokens) => ({ lazy, kv, visualTokens })),
  ])
);

const ask = (image: Uint8Array, text: string): Message => ({
  role: "user",
  content: [{ type: "image", image }, { type: "text", text }],
});
const TURNS: Message[] = [
  ask(MOUNTAIN, "What objects are in this image?"),
  { role: "assistant", content: " Mountain, rock." },
  ask(DOGS, "Describe this image."),
];
const [CONTEXT, TEXT_TOKENS, LAYERS, LAZY_LAYERS] = [224, 96, 12, 9];
const KV_WIDTH = 192;

/** Bytes of the cache: f16, or 8 bits and one f32 for the 64 values of a head. */
function kvBytes({ lazy, kv }: Switches): number {
  const slots = {
    off: 2 * LAYERS * CONTEXT,
    gla: (2 * LAYERS - LAZY_LAYERS) * CONTEXT,
    vla: 2 * LAYERS * CONTEXT - LAZY_LAYERS * (CONTEXT - TEXT_TOKENS),
  }[lazy as "off" | "gla" | "vla"];
  return slots * KV_WIDTH * (kv === "f16" ? 2 : 68 / 64);
}

for (const switches of COMBINATIONS) {
  const name = JSON.stringify(switches).replaceAll('"', "");
  Deno.test(`${name}: two turns with a picture each are answered, twice the same, in the formula's bytes`, async () => {
    const captioner = await open({ contextTokens: CONTEXT, textTokens: TEXT_TOKENS, ...switches });
    assert.equal(captioner.memory.kvBytes, kvBytes(switches));
    const { text, usage } = await captioner.chat(TURNS, { maxTokens: 14 }).result;
    assert.match(text, /^ A .*dog/);
    assert.equal(usage.imageTokens, 2 * (switches.visualTokens === undefined ? 64 : 24));
    assert.equal((await captioner.chat(TURNS, { maxTokens: 14 }).result).text, text);
  });
}
