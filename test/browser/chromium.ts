/** Chromium as the system has it, driven by Playwright's core, which brings no browser of its own. */
import { type Browser, chromium, type Page } from "npm:playwright-core@1.65.1";

const EXECUTABLE = Deno.env.get("LORIS_CHROMIUM") ?? "/usr/bin/chromium";
const ARGUMENTS = [
  ...["--headless", "--no-sandbox", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

/** SwiftShader, which comes with it, computes WebGPU on the CPU. */
const SOFTWARE_GPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/** True if it is there; says so in words if not, for tests that must then be skipped. */
export function hasChromium(): boolean {
  try {
    return Deno.statSync(EXECUTABLE).isFile;
  } catch {
    // deno-lint-ignore no-console -- a skip must say why
    console.log(`skipped: there is no ${EXECUTABLE} (Debian's package chromium; or set LORIS_CHROMIUM)`);
    return false;
  }
}

/** With a profile of its own, which goes with it. @param gpu Whether it has WebGPU, in software. */
export async function startChromium(gpu = false): Promise<Browser> {
  const args = [...ARGUMENTS, ...gpu ? SOFTWARE_GPU : ["--disable-gpu"]];
  return await chromium.launch({ executablePath: EXECUTABLE, headless: true, args });
}

/** What a page complained of: errors and warnings in its console, uncaught errors, breaches of its policy. */
export async function complaintsOf(page: Page): Promise<string[]> {
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.exposeFunction("policyBreach", (text: string) => complaints.push(text));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
      (globalThis as unknown as { policyBreach(text: string): void }).policyBreach(
        `${violatedDirective} ${blockedURI}`,
      );
    });
  });
  return complaints;
}
