/** What tests of `examples/browser` share: the site, built and served, and a browser that has WebGPU in software. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { BrowserContextOptions, Page } from "npm:playwright-core@1.65.1";
import { load } from "../../sdk/mod.ts";
import { fileSource } from "../../sdk/sources/file.ts";
import { complaintsOf, hasChromium, startChromium } from "./chromium.ts";
import { Site } from "./example_site.ts";

export const ignore = !hasChromium();
const root = new URL("../../", import.meta.url);
export const pathOf = (file: string) => fileURLToPath(new URL(file, root));
/** What most tests ask about, the sample of the same name. */
export const PHOTO = pathOf("examples/photos/dogs_at_window.jpg");

export const browser = ignore ? undefined : await startChromium(true);
export const site = ignore ? undefined : await Site.build();
/** What the SDK says here about the photo, on the CPU. */
export const wanted = ignore ? "" : await captionOnCpu();
Deno.test.afterAll(async () => {
  await browser?.close();
  await site?.remove();
});

async function captionOnCpu(): Promise<string> {
  const [text, vision] = ["text-q4_0", "mmproj-q8_0"].map((file) =>
    fileSource(pathOf(`models/nano/nano-${file}.gguf`))
  );
  const captioner = await load({ text: text!, vision: vision! });
  const { text: caption } = await captioner.caption(await readFile(PHOTO), { maxTokens: 64 }).result;
  await Promise.all([captioner.close(), text!.close(), vision!.close()]);
  return caption.trim();
}

/** Visits of one browser with an empty store; what pages complain of, or ask of others than the site, fails the test. */
export function exampleTest(
  name: string,
  test: (visit: (query?: string) => Promise<Page>, complaints: string[]) => Promise<void>,
  options: BrowserContextOptions = {},
): void {
  // the browser's pipes and the server live longer than a test
  Deno.test({ name, ignore, sanitizeOps: false, sanitizeResources: false }, async () => {
    const context = await browser!.newContext({ viewport: { width: 1200, height: 900 }, ...options });
    context.setDefaultTimeout(120_000);
    const complaints: string[] = [];
    context.on("request", (request) => {
      if (!request.url().startsWith(site!.url) && /^http/.test(request.url())) complaints.push(request.url());
    });
    let page: Page | undefined;
    let heard: string[] = [];
    const visit = async (query = "") => {
      complaints.push(...heard);
      await page?.close();
      page = await context.newPage();
      heard = await complaintsOf(page);
      await page.goto(`${site!.url}${query}`);
      return page;
    };
    try {
      site!.takeModelBytes();
      await test(visit, complaints);
      assert.deepEqual([...complaints, ...heard], []);
    } finally {
      await context.close();
    }
  });
}

/** Entries of a name and a value that the page tells under "This browser". */
export async function facts(page: Page): Promise<Record<string, string>> {
  return Object.fromEntries(
    await page.locator("#facts dt").evaluateAll((names) =>
      names.map((name) => [name.textContent!, name.nextElementSibling!.textContent!])
    ),
  );
}

/** Asks about a sample photo, and waits for the answer. */
export async function askSample(page: Page, photo: string, timeout?: number): Promise<string> {
  await page.locator(`[data-photo$="${photo}"]`).click();
  return await answered(page, timeout);
}

/** Waits for the end of an answer; a problem that the page tells is an error. */
export async function answered(page: Page, timeout?: number): Promise<string> {
  const done = page.locator("#state", { hasText: "Done." });
  const problem = page.locator("#problem:not(:empty)");
  await done.or(problem).first().waitFor({ timeout });
  const words = await problem.textContent({ timeout: 100 }).catch(() => null);
  if (words) throw new Error(words);
  return (await page.locator(".answer").last().textContent())!;
}
