/** Workers in workerd, and requests to them. */
import assert from "node:assert/strict";
import { bundleWorker } from "../../tools/bundle_worker.ts";
import { bundleModules, FOLDER, installMiniflare, type Miniflare, startMiniflare } from "./miniflare.ts";
import { DOGS, TEXT, VISION } from "../sdk/model.ts";

/** A worker that is running. */
export interface RunningWorker extends AsyncDisposable {
  readonly miniflare: Miniflare;
  readonly url: string;
}

/** Bundles an entry and starts it with bindings, as miniflare names them. */
export async function startWorker(entry: string, options: object = {}): Promise<RunningWorker> {
  await installMiniflare();
  const name = entry.replace(/\W/g, "_");
  const bundle = await bundleWorker(entry, `${FOLDER}bundles/${name}`);
  const miniflare = startMiniflare(await bundleModules(bundle), {
    name: "worker",
    compatibilityFlags: ["enable_request_signal"],
    // past miniflare's own worker, which does not tell that a client has gone
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    ...options,
  });
  await miniflare.ready;
  const url = (await miniflare.unsafeGetDirectURL("worker")).href.replace(/\/$/, "");
  return { miniflare, url, [Symbol.asyncDispose]: () => miniflare.dispose() };
}

/** The worker with what tests look at: reads of its bucket take their time and are counted, its context may keep nothing alive. */
const LAB = `
import worker from "${new URL("../../cloudflare/worker.mjs", import.meta.url).pathname}";

const counts = { heads: 0, reads: 0 };

function slow(bucket, delayMs) {
  const wait = () => new Promise((resolve) => setTimeout(resolve, delayMs));
  return {
    async head(key) {
      counts.heads++;
      return await bucket.head(key);
    },
    async get(key, options) {
      counts.reads++;
      await wait();
      return await bucket.get(key, options);
    },
  };
}

export default {
  async fetch(request, env, context) {
    if (new URL(request.url).pathname === "/lab") return Response.json(counts);
    const { READ_DELAY_MS, FORGET_WAIT_UNTIL } = env;
    const bindings = { ...env, MODELS: slow(env.MODELS, Number(READ_DELAY_MS)) };
    // a context that keeps nothing alive: what Cloudflare does half a minute after the client has gone
    const forgetful = { waitUntil() {}, passThroughOnException() {}, props: {} };
    return await worker.fetch(request, bindings, FORGET_WAIT_UNTIL ? forgetful : context);
  },
};
`;

/** Starts the lab; `GET /lab` answers with its counts. */
export async function startLab(options: object): Promise<RunningWorker> {
  await Deno.mkdir(FOLDER, { recursive: true });
  await Deno.writeTextFile(`${FOLDER}lab.mjs`, LAB);
  return await startWorker(`${FOLDER}lab.mjs`, options);
}

/** How often the bucket was asked for an object's head, and for bytes. */
export async function labCounts(url: string): Promise<{ heads: number; reads: number }> {
  return await (await fetch(`${url}/lab`)).json();
}

/** Options of a worker whose model is in R2. */
export const IN_R2 = {
  r2Buckets: ["MODELS"],
  bindings: { MODEL_TEXT: "nano/text.gguf", MODEL_VISION: "nano/vision.gguf" },
};

/** Puts a model where {@link IN_R2} says; the embedded one, if no other is given. */
export async function putModel({ miniflare }: RunningWorker, text = TEXT, vision = VISION): Promise<void> {
  const bucket = await miniflare.getR2Bucket("MODELS");
  await bucket.put(IN_R2.bindings.MODEL_TEXT, text);
  await bucket.put(IN_R2.bindings.MODEL_VISION, vision);
}

export function caption(url: string): Promise<Response> {
  return fetch(`${url}/caption?max_tokens=6`, {
    method: "POST",
    body: DOGS,
    headers: { "content-type": "image/jpeg" },
  });
}

/** The caption of the dogs, which must begin as the model begins it. */
export async function captionText(url: string): Promise<string> {
  const response = await caption(url);
  const body = await response.text();
  assert.equal(response.status, 200, body);
  const { description } = JSON.parse(body);
  assert.match(description, /^\w+( \w+){3,}/);
  return description;
}
