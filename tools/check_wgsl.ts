/**
 * Validates every variant of every shader with naga (`rust-kernels/wgsl-check`, no GPU needed), and holds the table of
 * operations against the shaders' text: parameters, buffers and constants. Names what is wrong; exit status 1 if anything is.
 *
 * Usage: deno task wgsl:check (needs cargo)
 */
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { SHADERS } from "../sdk/backend/webgpu/generated/shaders.ts";
import { type Operation, variantsOf } from "../sdk/backend/webgpu/operation.ts";
import { OPERATIONS } from "../sdk/backend/webgpu/operations.ts";
import { generated, shadersModule } from "./build_wgsl.ts";

/** What a row of the table says otherwise than its shader; the shader cannot be called by such a row. */
export function disagreements(operation: Operation): string[] {
  const { name, source, params, buffers, constants } = operation;
  const found: string[] = [];
  for (const constant of Object.keys(constants)) {
    if (!new RegExp(`\\b${constant}\\b`).test(source)) found.push(`the constant ${constant} does not occur in it`);
  }
  const seen = new Set<number>();
  for (const { constants, text } of variantsOf(operation)) {
    const variant = variantName("", constants);
    const [want, got] = [Object.entries(params).map(([field, type]) => `${field}: ${type}`), fieldsOf(text)];
    if (got.join() !== want.join()) {
      found.push(`${variant} struct Params has { ${got.join(", ")} }, the table { ${want.join(", ")} }`);
    }
    if (!/@group\(0\)\s*@binding\(0\)\s*var<uniform>\s*p\s*:\s*Params\b/.test(text)) {
      found.push(`${variant} binding 0 is not var<uniform> p: Params`);
    }
    for (const [, number, access] of text.matchAll(/@binding\((\d+)\)\s*var<storage(?:,\s*(\w+))?>/g)) {
      seen.add(Number(number));
      const use = buffers[Number(number) - 1];
      const wanted = use && { read: "read", write: "read_write" }[use];
      if ((access ?? "read") !== wanted) {
        found.push(`${variant} binding ${number} is ${access ?? "read"}, in the table ${wanted ?? "there is none"}`);
      }
    }
  }
  buffers.forEach((_, i) => {
    if (!seen.has(i + 1)) found.push(`no variant has the table's binding ${i + 1}`);
  });
  return found.map((text) => `${name}: ${text}`);
}

/** Shaders that the table has no row for. */
export function withoutRow(operations: readonly Operation[]): string[] {
  const rows = new Set(operations.map(({ name }) => name));
  return Object.keys(SHADERS).filter((name) => !rows.has(name));
}

/** The fields of `struct Params`, as "name: type". */
function fieldsOf(text: string): string[] {
  const body = /\bstruct\s+Params\s*\{([^}]*)\}/.exec(text)?.[1] ?? "";
  return body.split(",").map((field) => field.trim().replace(/\s*:\s*/, ": ")).filter((field) => field !== "");
}

/** A variant in words, which are a file name too. */
export function variantName(name: string, constants: Readonly<Record<string, number | boolean>>): string {
  return [name, ...Object.entries(constants).map(([constant, value]) => `${constant}=${value}`)].join(" ").trim();
}

async function validate(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "wgsl-"));
  try {
    for (const operation of OPERATIONS) {
      for (const { constants, text } of variantsOf(operation)) {
        await writeFile(join(folder, `${variantName(operation.name, constants)}.wgsl`), text);
      }
    }
    const manifest = fileURLToPath(new URL("../rust-kernels/Cargo.toml", import.meta.url));
    const command = ["run", "-q", "--locked", "--manifest-path", manifest, "-p", "wgsl-check", "--", folder];
    const { status, error } = spawnSync("cargo", command, { stdio: "inherit" });
    if (error) throw new Error(`cargo could not be started: ${error.message}`);
    return status === 0;
  } finally {
    await rm(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const wrong = [
    ...await readFile(generated, "utf8") === await shadersModule()
      ? []
      : [`${generated.pathname} is not of wgsl/: run deno task wgsl`],
    ...OPERATIONS.flatMap(disagreements),
    ...withoutRow(OPERATIONS).map((name) => `${name}: no row of the table of operations`),
  ];
  // deno-lint-ignore no-console -- what the tool is for
  for (const line of wrong) console.error(line);
  if (!await validate() || wrong.length > 0) process.exitCode = 1;
}
