/** What a device can do at most, in the simplest shaders that ask for it. */
export interface Ceilings {
  /** Bytes a second, read and written. */
  readonly bytes: number;
  /** f32 multiplications and additions a second. */
  readonly flops: number;
  /** Milliseconds from a submission of next to nothing until its result is read. */
  readonly waitMs: number;
  /** Milliseconds that one more dispatch of next to nothing takes in a submission. */
  readonly dispatchMs: number;
}

const COPY = `
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < arrayLength(&x); i += groups.x * 256u) { y[i] = x[i]; }
}`;

const MULTIPLY = `
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m = x[0];
  var a = x[1]; var b = x[2]; var c = x[3]; var d = x[4];
  for (var i = 0u; i < 256u; i++) {
    a = fma(a, m, b); b = fma(b, m, c); c = fma(c, m, d); d = fma(d, m, a);
    a = fma(a, m, b); b = fma(b, m, c); c = fma(c, m, d); d = fma(d, m, a);
  }
  y[id.x] = a + b + c + d;
}`;
/** Of one invocation of `MULTIPLY`. */
const FLOPS = 256 * 8 * 4 * 2;
const BYTES = 64 * 2 ** 20;

export async function ceilings(device: GPUDevice): Promise<Ceilings> {
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const [x, y] = [0, 1].map(() => device.createBuffer({ size: BYTES, usage: STORAGE | COPY_SRC | COPY_DST }));
  const result = device.createBuffer({ size: 4, usage: MAP_READ | COPY_DST });
  const timeOf = async (code: string, groups: number, times: number) => {
    const module = device.createShaderModule({ code });
    const pipeline = device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
    const entries = [x!, y!].map((buffer, binding) => ({ binding, resource: { buffer } }));
    const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    let best = Infinity;
    for (let round = 0; round < 6; round++) {
      const started = performance.now();
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      for (let i = 0; i < times; i++) pass.dispatchWorkgroups(groups);
      pass.end();
      encoder.copyBufferToBuffer(y!, 0, result, 0, 4);
      device.queue.submit([encoder.finish()]);
      await result.mapAsync(GPUMapMode.READ);
      result.unmap();
      best = Math.min(best, performance.now() - started);
    }
    return best;
  };
  const waitMs = await timeOf(MULTIPLY, 1, 1);
  const dispatchMs = (await timeOf(MULTIPLY.replace("i < 256u", "i < 1u"), 1, 2001) - waitMs) / 2000;
  // as often as takes some tenths of a second
  const long = async (code: string, groups: number) => {
    let times = 1;
    for (;; times *= 4) {
      const ms = await timeOf(code, groups, times) - waitMs;
      if (ms > 100 || times >= 1024) return ms / times;
    }
  };
  const copyMs = await long(COPY, 4096);
  const multiplyMs = await long(MULTIPLY, 8192);
  for (const buffer of [x!, y!, result]) buffer.destroy();
  return {
    ...{ bytes: 2 * BYTES / copyMs * 1000, flops: 8192 * 256 * FLOPS / multiplyMs * 1000 },
    ...{ waitMs, dispatchMs },
  };
}
