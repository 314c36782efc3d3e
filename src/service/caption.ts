import { parseCaption } from "./caption_request.ts";
import { serverTiming, totalUsage } from "./completion.ts";
import { type AppContext, beginWork, type Service } from "./work.ts";

/** `POST /caption`: usage in the header `X-Usage` (JSON, as in a chat completion), times in `Server-Timing`. */
export async function captionRoute<Env extends object>(c: AppContext<Env>, service: Service<Env>): Promise<Response> {
  const work = await beginWork(c, service);
  try {
    const { settings, metrics } = service;
    const { image, options } = await parseCaption(c.req.raw, await work.read(), settings, work.signal);
    const { captioner, signal, waitUntil } = work;
    const result = await captioner.caption(work.keep(image), { ...options, signal, waitUntil }).result;
    metrics.answered([result]);
    return c.json({ description: result.text.trim() }, 200, {
      "server-timing": serverTiming([result]),
      "x-usage": JSON.stringify(totalUsage([result])),
    });
  } finally {
    work.end();
  }
}
