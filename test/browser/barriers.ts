/** What keeps people from using a page, as far as a program can tell. */
import assert from "node:assert/strict";
import axe from "npm:axe-core@4.14.1";
import type { Page } from "npm:playwright-core@1.65.1";

/** What axe finds against WCAG 2.2 AA and its best practices. */
export async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations, passes } = await page.evaluate(async () => {
    // deno-lint-ignore no-explicit-any -- axe has put itself there
    const { violations, passes } = await (globalThis as any).axe.run(document);
    // deno-lint-ignore no-explicit-any -- axe's own types are not asked for
    const told = (rule: any) => `${rule.id}: ${rule.nodes.map((node: any) => node.html).join(" ")}`;
    return { violations: violations.map(told), passes: passes.length };
  });
  assert.ok(passes > 15, `only ${passes} rules were applied`);
  return violations;
}

/** Of what the page shows, in CSS pixels. */
export async function scrollWidth(page: Page): Promise<number> {
  return await page.evaluate(() => document.documentElement.scrollWidth);
}
