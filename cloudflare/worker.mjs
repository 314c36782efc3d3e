/** The worker with its model in R2 or in static assets. Modules are imported, for workers may not compile. */
import relaxed from "../sdk/backend/wasm/kernels.relaxed.wasm";
import simd128 from "../sdk/backend/wasm/kernels.simd128.wasm";
import image from "../sdk/image/image.wasm";
import { createWorker } from "../src/worker.ts";

export default createWorker({ modules: { relaxed, simd128, image } });
