/** onnxruntime-web in WASM, one thread: the linears of a layer as jobs for the same rounds as the product's. */
import { type LayerName, layerOps, LAYERS } from "../layers.ts";
import type { Job } from "../measure.ts";

/** The little of onnxruntime-web that is called. */
interface Runtime {
  readonly env: { wasm: { numThreads: number } };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: number[]) => unknown;
  readonly InferenceSession: {
    create(graph: Uint8Array, options: Record<string, unknown>): Promise<{ run(feeds: object): Promise<unknown> }>;
  };
}

/** Kinds of weights: 8 bits with one scale a tensor, 4 bits in blocks of 32, f32. */
export const KINDS = ["dq8", "nb4", "f32"] as const;

/** @param graphs Folder that `onnx_layers.py` wrote to. */
export async function onnxJobs(module: string, graphs: string, rows: readonly number[]): Promise<Job[]> {
  const runtime: Runtime = await import(`file://${module}`);
  runtime.env.wasm.numThreads = 1;
  const { Worker } = globalThis;
  const jobs: Job[] = [];
  for (const layer of Object.keys(LAYERS) as LayerName[]) {
    for (const kind of KINDS) {
      const session = await runtime.InferenceSession.create(await Deno.readFile(`${graphs}/${layer}-${kind}.onnx`), {
        ...{ executionProviders: ["wasm"], graphOptimizationLevel: "all", intraOpNumThreads: 1 },
      });
      const width = LAYERS[layer][0][0][1];
      for (const n of rows) {
        const data = Float32Array.from({ length: n * width }, (_, i) => Math.sin(i * 12.9898) * 2);
        const x = new runtime.Tensor("float32", data, [n, width]);
        jobs.push({
          name: `${layer} ${kind}, M = ${n}`,
          work: n * layerOps(layer),
          run: async () => void await session.run({ x }),
        });
      }
    }
  }
  // its loader takes Deno for Node and puts Node's workers in the place of the web's, which other engines need
  globalThis.Worker = Worker;
  return jobs;
}

/** Writes the graphs. */
export async function writeGraphs(python: string, folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const script = new URL("./onnx_layers.py", import.meta.url).pathname;
  const { success, stderr } = await new Deno.Command(python, { args: [script, folder] }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
