import * as v from "valibot";
import type { ModelState } from "./model_holder.ts";

export const health = v.object({
  status: v.pipe(
    v.picklist(["ready", "idle", "loading", "failed", "stopping"]),
    v.description("idle: the model is loaded with the first request; failed: the next request tries again."),
  ),
});

/** State and HTTP status: 200 where a request that comes now would be taken at once. */
export function healthOf(model: ModelState, stopping: boolean): [v.InferOutput<typeof health>, 200 | 503] {
  const status = stopping ? "stopping" : model;
  return [{ status }, status === "ready" || status === "idle" ? 200 : 503];
}
