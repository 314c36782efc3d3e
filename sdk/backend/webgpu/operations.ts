import type { Operation } from "./operation.ts";
import * as attention from "./ops/attention.ts";
import * as attentionReceived from "./ops/attention_received.ts";
import * as choice from "./ops/choice.ts";
import * as elements from "./ops/elements.ts";
import * as embed from "./ops/embed.ts";
import * as linear from "./ops/linear.ts";
import * as normedLinear from "./ops/normed_linear.ts";
import * as norms from "./ops/norms.ts";
import * as pixels from "./ops/pixels.ts";
import * as projectAndStore from "./ops/project_and_store.ts";
import * as kvStore from "./ops/kv_store.ts";
import * as rope from "./ops/rope.ts";
import * as records from "./ops/records.ts";
import * as turnAndStore from "./ops/turn_and_store.ts";

/** The table of operations: a row for each shader of `wgsl/`. */
export const OPERATIONS: readonly Operation[] = [
  ...attention.OPERATIONS,
  ...attentionReceived.OPERATIONS,
  ...choice.OPERATIONS,
  ...elements.OPERATIONS,
  ...embed.OPERATIONS,
  ...linear.OPERATIONS,
  ...normedLinear.OPERATIONS,
  ...norms.OPERATIONS,
  ...pixels.OPERATIONS,
  ...projectAndStore.OPERATIONS,
  ...kvStore.OPERATIONS,
  ...rope.OPERATIONS,
  ...records.OPERATIONS,
  ...turnAndStore.OPERATIONS,
];
