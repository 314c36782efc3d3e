import { LorisError } from "../errors.ts";
import type { GgufMetadata } from "../gguf/metadata.ts";
import { densePlan, LAZY_MODES, type LazyMode, type LazyPlan, lazyPlan } from "./plan.ts";
import { planFromMetadata } from "./plan_format.ts";

/**
 * Which plan a model is loaded with. `off`: no layer is lazy. `auto`: the plan that the model carries, none if it carries
 * none. A mode: the anchors that the model carries, in this mode. Or a plan.
 */
export type LazyOption = "off" | "auto" | LazyMode | LazyPlan;

/**
 * @param layers Decoder layers of the model.
 * @throws {LorisError} `argument_invalid` (param `lazy`) for what is no option, for a plan of another model, and for a mode
 * where the model carries no anchors; `file_invalid` if the model's own plan is damaged.
 */
export function resolveLazy(option: LazyOption, metadata: GgufMetadata, layers: number): LazyPlan {
  if (option === "off") return densePlan(layers);
  if (typeof option === "object") return lazyPlan(option, layers);
  const carried = planFromMetadata(metadata, layers);
  if (option === "auto") return carried ?? densePlan(layers);
  if (!LAZY_MODES.includes(option)) {
    const got = typeof option === "string" ? `"${option}"` : String(option);
    fail(`must be "off", "auto", "gla", "vla" or { anchor, mode }, it is ${got}`);
  }
  if (!carried) fail(`"${option}" needs anchors, and the model carries none; give a plan, { anchor: [...], mode }`);
  return { anchor: carried.anchor, mode: option };
}

function fail(message: string): never {
  throw new LorisError("argument_invalid", `the lazy plan ${message}`, { param: "lazy" });
}
