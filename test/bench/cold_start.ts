/** Opens, loads and captions once with the embedded model, in a process that has done nothing yet; prints the milliseconds. */
import { load } from "../../sdk/load.ts";
import { fileSource } from "../../sdk/sources/file.ts";
import { NANO } from "./model.ts";

const photo = await Deno.readFile(Deno.args[0]!);
const started = performance.now();
const captioner = await load({ text: fileSource(NANO.text), vision: fileSource(NANO.vision), contextTokens: 512 });
const loaded = performance.now();
await captioner.caption(photo).result;
const times = { loadMs: loaded - started, firstCaptionMs: performance.now() - loaded };
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(times) + "\n"));
Deno.exit(0);
