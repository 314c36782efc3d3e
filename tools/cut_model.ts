/**
 * Cuts model files into parts that Cloudflare takes as static assets, and writes a manifest with their digests beside them:
 * OUT/text.json and OUT/vision.json with OUT/text.000.part and so on.
 *
 * Usage: deno task worker:assets TEXT.gguf VISION.gguf OUT [PART_BYTES]
 */
import { createHash } from "node:crypto";
import { mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { MAX_ASSET_BYTES, type PartsManifest } from "../sdk/sources/assets.ts";
import { checkPartBytes } from "../sdk/sources/parted.ts";

/** Held whole in memory by the worker while it is read. */
const PART_BYTES = 8 * 2 ** 20;

async function cut(path: string, out: string, name: string, partBytes: number): Promise<void> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const parts: { file: string; sha256: string }[] = [];
    for (let at = 0; at < size; at += partBytes) {
      const bytes = new Uint8Array(Math.min(partBytes, size - at));
      for (let filled = 0; filled < bytes.length;) {
        const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, at + filled);
        if (bytesRead === 0) throw new Error(`${path} ended at byte ${at + filled} of ${size}`);
        filled += bytesRead;
      }
      const part = `${name}.${String(parts.length).padStart(3, "0")}.part`;
      await writeFile(join(out, part), bytes);
      parts.push({ file: part, sha256: createHash("sha256").update(bytes).digest("hex") });
    }
    const manifest: PartsManifest = { bytes: size, partBytes, parts };
    await writeFile(join(out, `${name}.json`), JSON.stringify(manifest, null, 1) + "\n");
    process.stdout.write(`${path}: ${size} bytes in ${parts.length} parts\n`);
  } finally {
    await file.close();
  }
}

const [text, vision, out, given] = process.argv.slice(2);
if (text === undefined || vision === undefined || out === undefined) {
  process.stderr.write("usage: deno task worker:assets TEXT.gguf VISION.gguf OUT [PART_BYTES]\n");
  process.exit(2);
}
const partBytes = given === undefined ? PART_BYTES : Number(given);
checkPartBytes(partBytes, MAX_ASSET_BYTES);
await mkdir(out, { recursive: true });
await cut(text, out, "text", partBytes);
await cut(vision, out, "vision", partBytes);
