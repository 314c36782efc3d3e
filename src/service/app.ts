/**
 * The HTTP service as a Hono app: OpenAI's chat completions, captions, health, metrics, a page for people. It knows web standards alone, so that
 * the same app runs on Deno, Node and workers.
 *
 * @example
 * ```ts
 * import { load } from "loris";
 * import { createApp } from "loris/service";
 * import { fileSource } from "loris/sources/file";
 *
 * // the first request that needs the model loads it
 * const loading = () =>
 *   load({
 *     text: fileSource("text.gguf"),
 *     vision: fileSource("mmproj.gguf"),
 *     conversations: 2,
 *   });
 * const app = createApp(loading, { apiKeys: ["KEY"] });
 * const server = Deno.serve({ port: 0 }, app.fetch);
 *
 * const url = `http://127.0.0.1:${server.addr.port}/caption`;
 * const response = await fetch(url, {
 *   method: "POST",
 *   headers: {
 *     authorization: "Bearer KEY",
 *     "content-type": "image/jpeg",
 *   },
 *   body: await Deno.readFile("photo.jpg"),
 * });
 * console.log(response.status, await response.json());
 * await server.shutdown();
 * ```
 *
 * @module
 */
import { Hono } from "hono";
import { cors } from "hono/cors";
import { methodNotAllowed } from "hono/method-not-allowed";
import { secureHeaders } from "hono/secure-headers";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Captioner } from "../../sdk/captioner.ts";
import { Admission } from "./admission.ts";
import { captionRoute } from "./caption.ts";
import { chatRoute } from "./chat.ts";
import { unknownModel } from "./chat_request.ts";
import { ApiError, toApiError } from "./errors.ts";
import { healthOf } from "./health.ts";
import { ApiKeys } from "./keys.ts";
import type { LogEntry } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { type Loader, ModelHolder } from "./model_holder.ts";
import { describeModel } from "./models.ts";
import { observe, observeStream } from "./observe.ts";
import { openApiDocument } from "./openapi.ts";
import { checkedOptions, type ServiceOptions } from "./options.ts";
import { pageResponse } from "./page.ts";
import { statusOf } from "./status.ts";
import type { AppContext, AppTypes, Service } from "./work.ts";

export type { LogEntry } from "./log.ts";
export { type Loader, ModelHolder, type ModelState } from "./model_holder.ts";
export type { RemoteImageOptions } from "./remote_image.ts";
export type { ModelCard, ServiceOptions } from "./options.ts";
export type { AppTypes } from "./work.ts";

/** What answers carry and pages of other origins may read. */
const EXPOSED = ["x-request-id", "x-usage", "server-timing", "retry-after"];
/** Routes that never ask for a key: load balancers and readers of the description have none, and the page asks for one. */
const OPEN: readonly string[] = ["/", "/health", "/openapi.json"];

/**
 * The service around a captioner, or around what loads one when the first request needs it: the load is shared, goes on when
 * that request ends, and is tried again after a failure.
 *
 * @param captioner Its `conversations` are computed at once; `options.maxWaiting` more wait. A holder is shared with others.
 * @throws {LorisError} `argument_invalid` naming the option that is out of its bounds.
 */
export function createApp<Env extends object = object>(
  captioner: Captioner | Loader<Env> | ModelHolder<Env>,
  options: ServiceOptions<Env> = {},
): Hono<AppTypes<Env>> {
  const settings = checkedOptions(options);
  const model = captioner instanceof ModelHolder ? captioner : new ModelHolder(captioner);
  const metrics = new Metrics();
  const admission = new Admission({
    maxWaiting: settings.maxWaiting,
    maxHeldBytes: settings.maxHeldBytes,
    conversations: () => model.captioner?.conversations ?? 1,
  });
  const service: Service<Env> = { settings, model, admission, metrics };
  const log = options.log ?? logFaults;
  const app = new Hono<AppTypes<Env>>();

  app.use(observe(metrics, log));
  const { corsOrigins } = settings;
  if (corsOrigins !== undefined) {
    const origin = corsOrigins === "*" ? "*" : [...corsOrigins];
    app.use(cors({ origin, allowMethods: ["GET", "POST"], exposeHeaders: EXPOSED, maxAge: 600 }));
  }
  // a route's own header goes first: a page needs a policy of its own
  app.use(secureHeaders({
    contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    overwrite: false,
  }));
  app.use(methodNotAllowed({
    app,
    onMethodNotAllowed: (c, methods) => {
      const allow = methods.join(", ");
      const { body } = new ApiError(405, "method_not_allowed", `${c.req.path} takes ${allow}, not ${c.req.method}`);
      return c.json(body, 405, { allow });
    },
  }));
  const { apiKeys } = options;
  if (apiKeys) {
    const keys = new ApiKeys();
    app.use(async (c, next) => {
      if (!OPEN.includes(c.req.path)) {
        await keys.check(c.req.header("authorization"), typeof apiKeys === "function" ? apiKeys(c.env) : apiKeys);
      }
      await next();
    });
  }

  app.post("/v1/chat/completions", (c) => {
    const about = { requestId: c.get("requestId"), method: "POST", route: "/v1/chat/completions" };
    return chatRoute(c, service, observeStream(metrics, log, about));
  });
  app.post("/caption", (c) => captionRoute(c, service));
  let created: number | undefined;
  // Cloudflare's clock stands at 0 until there is a request
  const described = () => describeModel(settings.modelId, created ??= Math.floor(Date.now() / 1000));
  app.get("/v1/models", (c) => c.json({ object: "list", data: [described()] }));
  app.get("/v1/models/:id{.+}", (c) => {
    if (c.req.param("id") !== settings.modelId) throw unknownModel(c.req.param("id"));
    return c.json(described());
  });
  app.get("/", pageResponse);
  app.get("/status", (c) => c.json(statusOf(settings, model)));
  app.get("/health", (c) => c.json(...healthOf(model.state, settings.shutdown?.aborted ?? false)));
  app.get("/metrics", (c) => {
    return c.text(metrics.text(admission, model.captioner), 200, { "content-type": "text/plain; version=0.0.4" });
  });
  const document = openApiDocument(apiKeys !== undefined);
  app.get("/openapi.json", (c) => c.json(document));

  app.notFound((c) =>
    answerError(c, new ApiError(404, "not_found", `there is nothing at ${c.req.path.slice(0, 200)}`))
  );
  app.onError((error, c) => answerError(c, toApiError(error)));
  return app;
}

function answerError<Env extends object>(c: AppContext<Env>, error: ApiError): Response {
  return c.json(error.body, error.status as ContentfulStatusCode, { ...error.headers });
}

/** Where nobody listens, a fault of the service's own must still be seen. */
function logFaults({ error, requestId }: LogEntry): void {
  // deno-lint-ignore no-console -- the one thing that every runtime shows to whoever runs it
  if (error !== undefined) console.error(`request ${requestId} failed:`, error);
}
