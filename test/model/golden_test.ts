import { BUILDS } from "../ops/harness.ts";
import { goldenTests } from "./golden.ts";
import { onWasm } from "./pair.ts";

for (const build of BUILDS) goldenTests(onWasm(build));
