import type { BoundPipeline } from "./recorder.ts";
import type { BufferUse, Operation } from "./operation.ts";
import { type ShaderConstants, shaderText } from "./shader_text.ts";

/** Compiled variants of operations, each made when it is first asked for. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #variants = new Map<Operation, Map<string, BoundPipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get(operation: Operation, constants: ShaderConstants): BoundPipeline {
    let variants = this.#variants.get(operation);
    if (!variants) this.#variants.set(operation, variants = new Map());
    let key = "";
    for (const name in constants) key += `${name} ${constants[name]} `;
    let variant = variants.get(key);
    if (!variant) variants.set(key, variant = this.#compile(operation, constants, key));
    return variant;
  }

  #compile({ name, source, buffers }: Operation, constants: ShaderConstants, key: string): BoundPipeline {
    const device = this.#device;
    const label = `${name} ${key}`;
    const module = device.createShaderModule({ label, code: shaderText(source, constants) });
    const layout = this.#layout(buffers);
    const pipeline = device.createComputePipeline({
      ...{ label, layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }) },
      compute: { module, entryPoint: "main" },
    });
    return { pipeline, layout };
  }

  /** Parameters at binding 0, then the buffers. */
  #layout(buffers: readonly BufferUse[]): GPUBindGroupLayout {
    const key = buffers.join(" ");
    let layout = this.#layouts.get(key);
    if (layout) return layout;
    const visibility = GPUShaderStage.COMPUTE;
    const entries: GPUBindGroupLayoutEntry[] = [
      { binding: 0, visibility, buffer: { type: "uniform", hasDynamicOffset: true } },
      ...buffers.map((use, i): GPUBindGroupLayoutEntry => ({
        ...{ binding: i + 1, visibility },
        buffer: { type: use === "read" ? "read-only-storage" : "storage" },
      })),
    ];
    this.#layouts.set(key, layout = this.#device.createBindGroupLayout({ entries }));
    return layout;
  }
}
