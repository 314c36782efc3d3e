/**
 * Takes the pictures of the service's page that the documents show: on a desktop and on a phone, after an answer.
 * Usage: deno task page:pictures [--out DIR]
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { startServer } from "../service/server.ts";
import { startChromium } from "./chromium.ts";

const root = new URL("../../", import.meta.url);
const PHOTO = fileURLToPath(new URL("examples/photos/dogs_at_window.jpg", root));
const QUESTION = "What is the main object in this image?";
const VIEWS = {
  page: { viewport: { width: 1200, height: 760 } },
  page_phone: { viewport: { width: 390, height: 844 }, isMobile: true },
} as const;

const { values } = parseArgs({ options: { out: { type: "string", default: fileURLToPath(new URL("docs", root)) } } });
const server = await startServer(["--lazy", "gla"]);
const browser = await startChromium();
try {
  for (const [name, view] of Object.entries(VIEWS)) {
    const context = await browser.newContext(view);
    const page = await context.newPage();
    await page.goto(server.url);
    const done = (answers: number) =>
      page.locator(".answer").nth(answers - 1).waitFor().then(() =>
        page.locator("#state", { hasText: "Done." }).waitFor()
      );
    await page.locator("#file").setInputFiles(PHOTO);
    await done(1);
    await page.getByLabel("Question", { exact: true }).fill(QUESTION);
    await page.getByRole("button", { name: "Ask", exact: true }).click();
    await done(2);
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: `${values.out}/${name}.png`, fullPage: view === VIEWS.page_phone });
    await context.close();
  }
} finally {
  await browser.close();
  server.kill("SIGTERM");
  await server.ended;
}
