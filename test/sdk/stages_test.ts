/** What is computed when, seen at the backend's operations: nothing before the checks, nothing after an abort. */
import assert from "node:assert/strict";
import { DOGS, MOUNTAIN, open, rejection } from "./model.ts";
import { type Operation, spied } from "./spy.ts";

// no image tokens are kept, and another picture in between leaves nothing of the one before in the KV cache
const captioner = await open({ contextTokens: 512, keptTiles: 0 });
const want = (await captioner.caption(DOGS).result).text;
const forget = async () => void await captioner.caption(MOUNTAIN, { maxTokens: 1 }).result;
const reason = new Error("changed my mind");

/** Matrix products of the model's decode step: 12 layers of 7, and the logits. */
const STEP_PRODUCTS = 12 * 7 + 1;
/** Of one layer, the patch embedding and the connector. */
const LAYER_PRODUCTS = 7 + 2;

interface Stage {
  readonly name: string;
  /** @param looked True once the encoder has begun: the text before a picture is embedded before that. */
  readonly begins: (operation: Operation, args: readonly number[], looked: boolean) => boolean;
  /** Products that may still be computed once the signal is aborted: `signal` promises a layer, or a token. */
  readonly mostProducts: number;
}

const STAGES: Stage[] = [
  { name: "vision", begins: (operation) => operation === "patches", mostProducts: LAYER_PRODUCTS },
  {
    name: "prefill",
    begins: (operation, [, , , count], looked) => looked && operation === "embed" && count! > 1,
    mostProducts: LAYER_PRODUCTS,
  },
  {
    name: "decode",
    begins: (operation, [, , , count]) => operation === "embed" && count === 1,
    mostProducts: STEP_PRODUCTS,
  },
];

for (const { name, begins, mostProducts } of STAGES) {
  Deno.test(`an abort during ${name} ends the request soon, with the signal's reason; the next is right`, async () => {
    await forget();
    const controller = new AbortController();
    let [after, looked, nextBegan] = [0, false, false];
    let next: Promise<{ text: string }> | undefined;
    await spied((operation, args) => {
      // this one stands in line behind the one that is going to be aborted
      next ??= captioner.caption(DOGS).result;
      const { aborted } = controller.signal;
      nextBegan ||= aborted && (operation === "patches" || (operation === "embed" && args[3]! > 1));
      if (aborted && !nextBegan && operation === "linear") after++;
      looked ||= operation === "patches";
      if (!aborted && begins(operation, args, looked)) controller.abort(reason);
    }, async () => {
      const request = captioner.caption(DOGS, { signal: controller.signal }).result;
      assert.equal(await rejection(request), reason);
      assert.ok(after <= mostProducts, `${after} products after the abort`);
      assert.equal((await next!).text, want);
    });
    assert.ok(controller.signal.aborted, "the stage was reached");
  });
}

Deno.test("an abort at any product of a request but its last step's ends it with the reason, and leaves the next right", async () => {
  let total = 0;
  await forget();
  await spied((operation) => void (total += Number(operation === "linear")), async () => {
    await captioner.caption(DOGS, { maxTokens: 3 }).result;
  });
  const last = total - STEP_PRODUCTS;
  assert.ok(last > 2 * STEP_PRODUCTS, `${total} products`);
  for (let k = 0; k < last; k += Math.floor(last / 16)) {
    await forget();
    const controller = new AbortController();
    let seen = 0;
    const outcome = await spied((operation) => {
      if (operation === "linear" && seen++ === k) controller.abort(reason);
    }, () => rejection(captioner.caption(DOGS, { maxTokens: 3, signal: controller.signal }).result));
    assert.equal(outcome, reason, `product ${k} of ${total}`);
  }
  assert.equal((await captioner.caption(DOGS).result).text, want);
});

Deno.test("nothing is computed for a request that is refused or already aborted", async () => {
  const words = "word ".repeat(600);
  await spied((operation) => assert.fail(`${operation} was called`), async () => {
    const refusals = [
      [captioner.caption(DOGS, { prompt: words }), "context_overflow"],
      [captioner.caption(DOGS, { maxTokens: 500 }), "context_overflow"],
      [captioner.caption(DOGS, { topP: 2 }), "argument_invalid"],
      [captioner.chat([{ role: "user", content: "Hello" }], { maxTokens: 512 }), "context_overflow"],
      // the second picture is broken: the first is not looked at for nothing
      [
        captioner.chat([{
          role: "user",
          content: [{ type: "image", image: DOGS }, { type: "image", image: MOUNTAIN.subarray(0, 20) }],
        }]),
        "image_invalid",
      ],
    ] as const;
    for (const [answer, code] of refusals) assert.equal((await rejection(answer.result)).code, code);
    const aborted = captioner.caption(DOGS, { signal: AbortSignal.abort(reason) });
    assert.equal(await rejection(aborted.result), reason);
  });
});

Deno.test("an answer that nobody asks for computes nothing and holds nobody up", async () => {
  await spied((operation) => assert.fail(`${operation} was called`), async () => {
    captioner.caption(DOGS);
    await new Promise((resolve) => setTimeout(resolve, 50));
  });
  assert.equal((await captioner.caption(DOGS).result).text, want);
});

Deno.test("perTokenMs leaves out the time that the reader of the deltas takes", async () => {
  const answer = captioner.caption(DOGS, { maxTokens: 6 });
  const started = performance.now();
  for await (const _ of answer) await new Promise((resolve) => setTimeout(resolve, 200));
  const whole = performance.now() - started;
  const { timings, usage } = await answer.result;
  assert.ok(whole > 900, "the reader was slow");
  assert.ok(timings.perTokenMs * usage.completionTokens < whole / 2, `${timings.perTokenMs} of ${whole} ms`);
});
