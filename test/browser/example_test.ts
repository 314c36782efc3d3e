/** `examples/browser` in Chromium, on the CPU. Skipped, with a reason, where there is no Chromium. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { Page } from "npm:playwright-core@1.65.1";
import { WEIGHTS_CACHE } from "../../examples/browser/messages.ts";
import { findings, scrollWidth } from "./barriers.ts";
import { answered, askSample, exampleTest, facts, PHOTO, site, wanted } from "./example.ts";
import { offerPhoto } from "./offer_photo.ts";

const MODEL_BYTES = 29_241_760 + 24_601_536;
const PART_BYTES = 2 * 2 ** 20;
const MODEL_READY = "The model is ready.";

const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
const state = (page: Page, text: string) => page.locator("#state", { hasText: text }).waitFor();

exampleTest(
  "example: the first visit fetches the model and tells how far it is; later ones fetch nothing, offline too",
  async (visit) => {
    let page = await visit();
    assert.deepEqual(site!.takeModelBytes(), [], "nobody has asked for the model yet");
    await page.locator("dd", { hasText: "53.8 MB, not loaded yet" }).waitFor();
    await page.evaluate(() => {
      const [steps, said]: string[][] = [[], []];
      Object.assign(globalThis, { steps, said });
      const bar = document.querySelector("progress")!;
      const text = document.querySelector("#loading-text")!;
      new MutationObserver(() => steps!.push(`${bar.value} ${text.textContent}`)).observe(text, { childList: true });
      const region = document.querySelector("#state")!;
      new MutationObserver(() => said!.push(region.textContent!)).observe(region, { childList: true });
    });
    assert.equal(await askSample(page, "dogs_at_window.jpg"), wanted);
    assert.equal(sum(site!.takeModelBytes()), MODEL_BYTES);
    const { steps, said } = await page.evaluate(() => {
      const { steps, said } = globalThis as unknown as Record<"steps" | "said", string[]>;
      return { steps, said };
    });
    const come = steps.map((step) => Number.parseFloat(step));
    const grows = come.every((value, i) => value >= (come[i - 1] ?? 0) && value <= 1);
    assert.ok(come.length >= 5 && grows, steps.join("\n"));
    assert.match(steps[0]!, / \d+\.\d MB of 53\.8 MB$/);
    assert.ok(said.includes("Loading the model, 50 %.") && said.length < 12, said.join("\n"));

    const told = await facts(page);
    assert.match(told["Computed by"]!, /^CPU \(wasm-/);
    assert.match(told.Why!, /^not webgpu: the only adapter, ".*swiftshader.*", computes on the CPU.*; wasm$/);
    assert.equal(told["Model’s bytes"], "53.8 MB fetched, 0.0 MB from this browser");
    assert.match(told["Model loaded in"]!, /\d m?s$/);
    assert.match(told["First word after"]!, /\d m?s$/);
    assert.match(told.Speed!, /^\d+\.\d tokens\/s$/);
    await page.getByText("all of this works").waitFor();

    await page.getByLabel("Question", { exact: true }).fill("Is there a dog in this image?");
    await page.keyboard.press("Enter");
    await page.locator("article").nth(1).waitFor();
    assert.match(await answered(page), /\w/);
    assert.equal(await page.locator("article img").count(), 1, "the photo stands under its first question alone");

    await site!.stop();
    try {
      page = await visit("?backend=wasm");
      await state(page, MODEL_READY);
      assert.equal((await facts(page)).Why, "wasm: asked for (?backend=wasm)");
      assert.equal(await askSample(page, "dogs_at_window.jpg"), wanted);
      assert.equal((await facts(page))["Model’s bytes"], "0.0 MB fetched, 53.8 MB from this browser");
    } finally {
      site!.start();
    }
  },
);

exampleTest(
  "example: parts that were cut, changed or lost in the browser are fetched again, and they alone",
  async (visit) => {
    let page = await visit("?backend=wasm");
    await askSample(page, "dogs_at_window.jpg");
    site!.takeModelBytes();
    await page.evaluate(async (name) => {
      const cache = await caches.open(name);
      const keys = await cache.keys();
      const [cut, changed, lost] = [keys[3]!, keys[4]!, keys[5]!];
      const bytes = async (key: Request) => new Uint8Array(await (await cache.match(key))!.arrayBuffer());
      await cache.put(cut, new Response((await bytes(cut)).subarray(0, 1000)));
      const other = await bytes(changed);
      other[12345]! ^= 1;
      await cache.put(changed, new Response(other));
      await cache.delete(lost);
      await cache.put("https://weights.invalid/other", new Response("of another build"));
    }, WEIGHTS_CACHE);
    page = await visit("?backend=wasm");
    assert.equal(await askSample(page, "dogs_at_window.jpg"), wanted);
    assert.deepEqual(site!.takeModelBytes(), [PART_BYTES, PART_BYTES, PART_BYTES]);
    assert.match(
      (await facts(page))["Model’s bytes"]!,
      /^6\.3 MB fetched, 47\.6 MB .*; 2 damaged in this browser, fetched again$/,
    );
    const entries = await page.evaluate(async (name) => (await (await caches.open(name)).keys()).length, WEIGHTS_CACHE);
    assert.equal(entries, Math.ceil(29_241_760 / PART_BYTES) + Math.ceil(24_601_536 / PART_BYTES));

    page = await visit("?backend=wasm");
    await state(page, MODEL_READY);
    assert.deepEqual(site!.takeModelBytes(), []);
  },
);

exampleTest(
  "example: what cannot be had is told, and Try again goes on from there; Stop ends an answer",
  async (visit, complaints) => {
    const page = await visit("?backend=wasm");
    await site!.hide("nano-mmproj-q8_0.gguf", true);
    try {
      await page.locator('[data-photo$="rocket.jpg"]').click();
      await page.locator("#problem", { hasText: "nano-mmproj-q8_0.gguf: the server answered 404" }).waitFor();
    } finally {
      await site!.hide("nano-mmproj-q8_0.gguf", false);
    }
    await page.getByRole("button", { name: "Try again" }).click();
    assert.match(await answered(page), /\w/);
    assert.ok(await page.getByRole("button", { name: "Try again" }).isHidden());
    assert.equal(await page.locator("article").count(), 1);

    const picture = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("text") };
    await page.locator("#file").setInputFiles(picture as never);
    await page.locator("#problem", { hasText: "notes.txt is not a picture" }).waitFor();
    await page.locator("#file").setInputFiles(PHOTO);
    await page.getByRole("button", { name: "Stop" }).click();
    await state(page, "Stopped.");
    await page.getByRole("button", { name: "Ask", exact: true }).click();
    assert.equal(await answered(page), wanted);
    const unknown = await visit("?backend=gpu");
    await askSample(unknown, "rocket.jpg").then(
      () => assert.fail("it took an unknown backend"),
      ({ message }) => assert.match(message, /^backend is "gpu", it must be "auto" or "wasm" or "webgpu"$/),
    );
    // the browser itself tells of answers that are errors
    assert.ok(
      complaints.every((text) => text.startsWith("Failed to load resource")),
      complaints.join("\n"),
    );
    complaints.length = 0;
  },
);

exampleTest("example: a photo dropped or pasted is taken as one chosen is", async (visit) => {
  const page = await visit("?backend=wasm");
  await page.locator("#facts dt").first().waitFor();
  const bytes = await readFile(PHOTO);
  for (const kind of ["drop", "paste"] as const) {
    await offerPhoto(page, kind, bytes);
    assert.equal(await answered(page), wanted);
  }
});

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [390, 1200]) {
    exampleTest(
      `example: ${width} px wide and ${colorScheme}: by keyboard, nothing to scroll sideways, no barrier`,
      async (visit) => {
        const page = await visit("?backend=wasm");
        await page.locator("#facts dt").first().waitFor();
        assert.deepEqual(await findings(page), []);
        const stops: string[] = [];
        for (const _ of "ab") {
          await page.keyboard.press("Tab");
          stops.push(
            await page.evaluate(() => {
              const { id, firstElementChild } = document.activeElement!;
              const name = id || firstElementChild?.getAttribute("alt");
              return `${name} ${getComputedStyle(document.activeElement!).outlineStyle}`;
            }),
          );
        }
        assert.deepEqual(stops, ["choose solid", "Two dogs at a window solid"]);
        await page.keyboard.press("Enter");
        assert.equal(await answered(page), wanted);
        assert.deepEqual(await findings(page), []);
        assert.ok(await scrollWidth(page) <= width, `${await scrollWidth(page)} px`);
      },
      { colorScheme, viewport: { width, height: 800 }, hasTouch: width === 390, isMobile: width === 390 },
    );
  }
}
