/** The service's page in Chromium, against the real server. Skipped, with a reason, where there is no Chromium. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { BrowserContextOptions, Page } from "npm:playwright-core@1.65.1";
import { startServer } from "../service/server.ts";
import { findings, scrollWidth } from "./barriers.ts";
import { complaintsOf, hasChromium, startChromium } from "./chromium.ts";
import { offerPhoto } from "./offer_photo.ts";

const ignore = !hasChromium();
const root = new URL("../../", import.meta.url);
const PHOTO = fileURLToPath(new URL("examples/photos/dogs_at_window.jpg", root));
const OTHER = fileURLToPath(new URL("examples/photos/mountain_path.jpg", root));

const browser = ignore ? undefined : await startChromium();
const server = ignore ? undefined : await startServer(["--lazy", "gla", "--conversations", "2"]);
Deno.test.afterAll(async () => {
  await browser?.close();
  server?.kill("SIGTERM");
  await server?.ended;
});

/** A test with a page of its own; what the page complains of fails it, but for what is expected. */
function pageTest(
  name: string,
  test: (page: Page, complaints: string[]) => Promise<void>,
  options: BrowserContextOptions & { url?: () => string } = {},
): void {
  // the browser's and the server's pipes live longer than a test
  Deno.test({ name, ignore, sanitizeOps: false, sanitizeResources: false }, async () => {
    const context = await browser!.newContext({ viewport: { width: 1200, height: 900 }, ...options });
    context.setDefaultTimeout(30_000);
    try {
      const page = await context.newPage();
      const complaints = await complaintsOf(page);
      await page.goto(options.url?.() ?? server!.url);
      await test(page, complaints);
      assert.deepEqual(complaints, []);
    } finally {
      await context.close();
    }
  });
}

const state = (page: Page, text: string) => page.locator("#state", { hasText: text }).waitFor();
const problem = (page: Page, text: string) => page.locator("#problem", { hasText: text }).waitFor();
const textOf = async (page: Page, selector: string) => (await page.locator(selector).last().textContent()) ?? "";

async function choose(page: Page, file: string | { name: string; mimeType: string; buffer: Uint8Array }) {
  await page.locator("#file").setInputFiles(file as never);
}

async function ask(page: Page, question: string): Promise<string> {
  const turns = await page.locator("article").count();
  await page.getByLabel("Question", { exact: true }).fill(question);
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await page.locator("article").nth(turns).waitFor();
  await state(page, "Done.");
  return await textOf(page, ".answer");
}

pageTest("page: a photo gets a caption that streams in; a follow-up does not compute the photo again", async (page) => {
  await page.evaluate(() => {
    const [seen, said]: string[][] = [[], []];
    Object.assign(globalThis, { seen, said });
    const region = document.querySelector("[aria-live=polite]")!;
    new MutationObserver(() => said!.push(region.textContent!)).observe(region, { childList: true });
    new MutationObserver(() => {
      const text = document.querySelector(".answer")?.textContent;
      if (text && seen!.at(-1) !== text) seen!.push(text);
    }).observe(document.querySelector("#log")!, { childList: true, subtree: true });
  });
  await choose(page, PHOTO);
  await state(page, "Done.");
  const caption = await textOf(page, ".answer");
  assert.match(caption, /dog/);
  const seen: string[] = await page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen);
  assert.ok(seen.length >= 3, `it came in ${seen.length} pieces`);
  assert.ok(seen.every((text) => caption.startsWith(text)));
  const said: string[] = await page.evaluate(() => (globalThis as unknown as { said: string[] }).said);
  assert.deepEqual(said, [caption], "a screen reader is told once, of the whole");
  assert.doesNotMatch(await textOf(page, "#answer-facts"), /not computed again/);

  const answer = await ask(page, "Is there a dog in this image?");
  assert.match(answer, /\w/);
  assert.equal(await page.locator("article").count(), 2);
  assert.equal(await page.locator("article img").count(), 1, "the photo stands under its first question alone");
  assert.ok(await page.locator("article img").evaluate((image) => (image as HTMLImageElement).naturalWidth > 100));
  const facts = await textOf(page, "#answer-facts");
  assert.match(facts, /the photo was not computed again/);
  assert.match(facts, /\d tokens\/s|too short an answer to tell/);

  await choose(page, OTHER);
  await page.getByAltText("Your photo, mountain_path.jpg").waitFor();
  await state(page, "Done.");
  assert.equal(await page.locator("article").count(), 1, "another photo begins another conversation");
  assert.match(await textOf(page, "#answer-facts"), /\d tokens\/s/);
});

pageTest("page: it says what the model is, its memory, and what the lazy plan saves", async (page) => {
  const { card, loaded: { memory, lazy } } = await (await fetch(`${server!.url}/status`)).json();
  await page.getByText(card.limits).waitFor();
  assert.match(card.limits, /^It saw .* It is a demonstration and a test piece\./);
  assert.deepEqual([lazy.mode, lazy.lazy_layers, lazy.layers], ["gla", 9, 12]);
  const facts = await textOf(page, "#model-facts");
  assert.match(facts, /GLA: 9 of 12 layers/);
  assert.match(facts, /37\.5 % less/);
  assert.ok(facts.includes(`${(memory.peak_bytes / 1e6).toFixed(1)} MB`), facts);
  const taught = page.getByRole("group", { name: "Questions this model was taught" });
  assert.deepEqual(await taught.getByRole("button").allTextContents(), card.questions);
});

pageTest("page: a photo dropped or pasted is taken as one chosen is", async (page) => {
  const bytes = await readFile(PHOTO);
  for (const kind of ["drop", "paste"] as const) {
    await offerPhoto(page, kind, bytes);
    await state(page, "Done.");
    assert.match(await textOf(page, ".answer"), /dog/);
  }
});

pageTest("page: a large photo goes out smaller, and the page says so", async (page) => {
  const sent = page.waitForRequest(/chat\/completions/);
  const bytes = await page.evaluate(async () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2000, 1000];
    const context = canvas.getContext("2d")!;
    const noise = context.createImageData(2000, 1000);
    // it gives no more than this at once
    for (let at = 0; at < noise.data.length; at += 65_536) crypto.getRandomValues(noise.data.subarray(at, at + 65_536));
    context.putImageData(noise, 0, 0);
    const blob = await new Promise<Blob>((resolve) => canvas.toBlob((blob) => resolve(blob!), "image/png"));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([blob], "large.png", { type: "image/png" }));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    return blob.size;
  });
  assert.ok(bytes > 1_500_000);
  const [{ content }] = (await sent).postDataJSON().messages;
  assert.match(content[0].image_url.url, /^data:image\/jpeg;base64,/);
  assert.ok(content[0].image_url.url.length < bytes);
  await state(page, "Done.");
  assert.match(await textOf(page, "figcaption"), /^large\.png, sent as 1600 × 800, [\d,]+ kB of [\d,]+ kB$/);
});

pageTest("page: the keyboard alone is enough, and what has the focus is seen", async (page) => {
  const chooser = page.waitForEvent("filechooser");
  const stops: string[] = [];
  for (let i = 0; i < 3; i++) {
    await page.keyboard.press("Tab");
    stops.push(
      await page.evaluate(() => {
        const { id } = document.activeElement!;
        return `${id} ${getComputedStyle(document.activeElement!).outlineStyle}`;
      }),
    );
  }
  assert.deepEqual(stops, ["choose solid", "question solid", "send solid"]);
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await state(page, "Choose a photo first.");
  assert.equal(await page.evaluate(() => document.activeElement!.id), "choose");
  await page.keyboard.press("Enter");
  await (await chooser).setFiles(PHOTO);
  await state(page, "Done.");
  await page.keyboard.press("Tab");
  await page.keyboard.type("What is in this picture?");
  await page.keyboard.press("Enter");
  await page.locator("article").nth(1).waitFor();
  await state(page, "Done.");
  assert.match(await textOf(page, ".answer"), /\w/);
  assert.equal(await textOf(page, ".asked"), "What is in this picture?");
});

pageTest("page: errors are told in words, and the question is not lost", async (page, complaints) => {
  await choose(page, { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("text") });
  await problem(page, "notes.txt is not a picture");
  const damaged = (await readFile(PHOTO)).subarray(0, 100);
  await choose(page, { name: "damaged.jpg", mimeType: "image/jpeg", buffer: damaged });
  await problem(page, "This picture is damaged");
  await choose(page, { name: "drawing.svg", mimeType: "image/svg+xml", buffer: Buffer.from("<svg></svg>") });
  await problem(page, "The service cannot read this kind of picture");

  await page.route("**/v1/chat/completions", (route) =>
    route.fulfill({
      status: 429,
      headers: { "retry-after": "7" },
      json: { error: { message: "busy", type: "rate_limit_error", param: null, code: "too_many_requests" } },
    }));
  await page.getByLabel("Question", { exact: true }).fill("Is there a dog?");
  await choose(page, PHOTO);
  await problem(page, "The service is busy. Try again in 7 seconds.");
  assert.equal(await page.getByLabel("Question", { exact: true }).inputValue(), "Is there a dog?");
  await page.unroute("**/v1/chat/completions");
  await page.route("**/v1/chat/completions", (route) => route.abort());
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await problem(page, "The service cannot be reached");
  await page.unroute("**/v1/chat/completions");
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await state(page, "Done.");
  assert.equal(await textOf(page, "#problem"), "");
  assert.match(await textOf(page, ".answer"), /\w/);
  // the browser itself tells of answers that are errors
  assert.ok(complaints.every((text) => text.startsWith("Failed to load resource")), complaints.join("\n"));
  complaints.length = 0;
});

Deno.test({ name: "page: an API key is asked for, told wrong, and kept for the tab alone", ignore }, async (t) => {
  const keyed = await startServer([], { LORIS_API_KEYS: "right" });
  await t.step({
    name: "in a page",
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      const context = await browser!.newContext({ viewport: { width: 360, height: 740 } });
      const page = await context.newPage();
      await page.goto(keyed.url);
      const field = page.getByLabel("API key");
      await field.fill("wrong");
      await field.press("Enter");
      await problem(page, "does not know this API key");
      assert.deepEqual(await findings(page), []);
      assert.ok(await scrollWidth(page) <= 360);
      await field.fill("right");
      await field.press("Enter");
      await state(page, "The key is right.");
      assert.ok(await field.isHidden());
      await choose(page, PHOTO);
      await state(page, "Done.");
      await page.reload();
      await page.getByText("Memory at its peak").waitFor();
      assert.ok(await field.isHidden());
      assert.deepEqual(await page.evaluate(() => [sessionStorage.length, localStorage.length, document.cookie]), [
        ...[1, 0, ""],
      ]);
      await context.close();
    },
  });
  keyed.kill("SIGTERM");
  await keyed.ended;
});

Deno.test({ name: "page: Stop ends the answer in the middle, here and in the service", ignore }, async (t) => {
  // the reference kernels are slow enough to be stopped between two words
  const slow = await startServer(["--kernels", "plain", "--conversations", "1", "--max-waiting", "0"]);
  await t.step({
    name: "in a page",
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      const context = await browser!.newContext({ viewport: { width: 360, height: 640 } });
      context.setDefaultTimeout(60_000);
      const page = await context.newPage();
      await page.goto(slow.url);
      await choose(page, PHOTO);
      await state(page, "Answering…");
      const button = page.getByRole("button", { name: "Stop" });
      const box = (await button.boundingBox())!;
      assert.ok(box.y >= 0 && box.y + box.height <= 640, "it is in sight on a phone as well");
      await button.press("Enter");
      await state(page, "Stopped.");
      const text = await textOf(page, ".answer");
      assert.ok(text.length > 0 && !text.endsWith("."), text);
      assert.ok(await page.getByRole("button", { name: "Stop" }).isHidden());
      assert.equal(await page.evaluate(() => document.activeElement!.id), "question");
      for (let i = 0;; i++) {
        const metrics = await (await fetch(`${slow.url}/metrics`)).text();
        if (/^loris_requests_inside 0$/m.test(metrics)) break;
        assert.ok(i < 100, "the service goes on");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.match(await ask(page, "Is there a dog in this image?"), /\w/);
      await context.close();
    },
  });
  slow.kill("SIGTERM");
  await slow.ended;
});

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [360, 1200]) {
    const name = `page: ${width} px wide and ${colorScheme}: nothing to scroll sideways, no barrier that axe knows`;
    pageTest(name, async (page) => {
      await page.getByText("Memory at its peak").waitFor();
      assert.deepEqual(await findings(page), []);
      await choose(page, PHOTO);
      await state(page, "Done.");
      await ask(page, "Unbreakable".repeat(20));
      assert.deepEqual(await findings(page), []);
      assert.ok(await scrollWidth(page) <= width, `${await scrollWidth(page)} px`);
      assert.equal(await page.getByRole("button", { name: "Take a photo" }).isVisible(), width === 360);
    }, { colorScheme, viewport: { width, height: 800 }, hasTouch: width === 360, isMobile: width === 360 });
  }
}
