import type { Operation } from "./operation.ts";
import * as choice from "./ops/choice.ts";
import * as elements from "./ops/elements.ts";
import * as embed from "./ops/embed.ts";
import * as linear from "./ops/linear.ts";
import * as norms from "./ops/norms.ts";
import * as pixels from "./ops/pixels.ts";

/** The table of operations: a row for each shader of `wgsl/`. */
export const OPERATIONS: readonly Operation[] = [
  ...choice.OPERATIONS,
  ...elements.OPERATIONS,
  ...embed.OPERATIONS,
  ...linear.OPERATIONS,
  ...norms.OPERATIONS,
  ...pixels.OPERATIONS,
];
