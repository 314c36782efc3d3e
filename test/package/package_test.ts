/** The npm package and the JSR one: installed once, then judged, imported, bundled and run. Skipped, with a reason, without npm. */
import { bundlerTests } from "./bundlers.ts";
import { lintTests } from "./lint.ts";
import { nodeTests } from "./node.ts";
import { hasNpm } from "./npm.ts";
import { installProject } from "./project.ts";

if (await hasNpm()) {
  await installProject();
  lintTests();
  nodeTests();
  bundlerTests();
}
