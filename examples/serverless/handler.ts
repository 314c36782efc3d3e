/** The service as what serverless platforms call: `fetch`, a function from a web standard's `Request` to a `Response`. */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { load } from "loris";
import { createApp } from "loris/service";
import { fileSource } from "loris/sources/file";

const file = (name: string) => fileSource(fileURLToPath(new URL(`./model/${name}.gguf`, import.meta.url)));

// while the platform starts the function, not in its first request: there it may have more time, and a model that is missing or
// too large shows at once
const captioner = await load({ text: file("text"), vision: file("vision"), memoryBudget: 128 * 2 ** 20 });

const apiKeys = process.env.LORIS_API_KEYS?.split(",").map((key) => key.trim());
/** `default.fetch(request)`; it is a Hono app as well. */
export default createApp(captioner, apiKeys ? { apiKeys } : {});
