/** The worker with the embedded model in the bundle, as modules of the type Data. */
import text from "../models/nano/nano-text-q4_0.gguf";
import vision from "../models/nano/nano-mmproj-q8_0.gguf";
import relaxed from "../sdk/backend/wasm/kernels.relaxed.wasm";
import simd128 from "../sdk/backend/wasm/kernels.simd128.wasm";
import image from "../sdk/image/image.wasm";
import { createWorker } from "../src/worker.ts";

export default createWorker({ modules: { relaxed, simd128, image }, embedded: { text, vision } });
