/** Photos in, captions out: by HTTP, and from a queue that tells of new pictures in a bucket. Modules are imported, for workers may not compile. */
import image from "loris/image.wasm";
import relaxed from "loris/kernels.relaxed.wasm";
import simd128 from "loris/kernels.simd128.wasm";
import { createWorker } from "loris/worker";

export default createWorker({ modules: { relaxed, simd128, image } });
