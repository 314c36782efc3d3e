/** GPUs for tests: one that computes nothing, and the runtime's own with something about it changed. */

/** How a stub differs from a GPU that says yes to everything. */
export interface StubOptions {
  readonly info?: Partial<GPUAdapterInfo>;
  readonly requestAdapter?: () => Promise<GPUAdapter | null>;
  readonly requestDevice?: () => Promise<GPUDevice>;
  /** Called whenever a shader is compiled. */
  readonly onShader?: (device: StubDevice) => void;
  /** Called when a result is waited for. */
  readonly onMap?: (device: StubDevice) => Promise<void>;
}

/** A GPU whose every result is 0, and the devices that it has given. */
export function stubGpu(options: StubOptions = {}): { readonly gpu: GPU; readonly devices: readonly StubDevice[] } {
  const devices: StubDevice[] = [];
  const requestDevice = options.requestDevice ?? (() => {
    const device = new StubDevice(options);
    devices.push(device);
    return Promise.resolve(device as unknown as GPUDevice);
  });
  const adapter = {
    info: { vendor: "stub", ...options.info },
    limits: LIMITS,
    features: new Set(),
    requestDevice,
  } as unknown as GPUAdapter;
  const requestAdapter = options.requestAdapter ?? (() => Promise.resolve(adapter));
  return { gpu: { requestAdapter } as unknown as GPU, devices };
}

const LIMITS = { maxBufferSize: 1 << 28, maxStorageBufferBindingSize: 1 << 27 };
const nothing = () => {};

/** A buffer of a stub. */
export interface StubBuffer {
  readonly label: string;
  readonly size: number;
}

/** As much of a `GPUDevice` as the backend uses. */
export class StubDevice extends EventTarget {
  readonly limits = LIMITS;
  readonly features: ReadonlySet<string> = new Set();
  readonly queue = { writeBuffer: nothing, submit: nothing };
  readonly lost: Promise<GPUDeviceLostInfo>;
  readonly #options: StubOptions;
  /** Buffers that were made and not destroyed. */
  readonly live = new Set<StubBuffer>();
  destroyed = false;
  lose: (message: string) => void = nothing;

  constructor(options: StubOptions) {
    super();
    this.#options = options;
    this.lost = new Promise((resolve) =>
      this.lose = (message) => resolve({ reason: "unknown", message } as GPUDeviceLostInfo)
    );
  }

  /** As a device tells of a command that it refuses. */
  refuse(message: string): void {
    this.dispatchEvent(Object.assign(new Event("uncapturederror"), { error: { message } }));
  }

  createBuffer({ label = "", size }: GPUBufferDescriptor): StubBuffer {
    if (size > LIMITS.maxBufferSize) throw new RangeError(`a buffer of ${size} bytes was asked for`);
    const buffer = {
      ...{ label, size },
      destroy: () => void this.live.delete(buffer),
      mapAsync: async () => await this.#options.onMap?.(this),
      getMappedRange: (_offset: number, bytes: number) => new ArrayBuffer(bytes),
      unmap: nothing,
    };
    this.live.add(buffer);
    return buffer;
  }

  createShaderModule() {
    this.#options.onShader?.(this);
    return {};
  }

  createBindGroupLayout = () => ({});
  createPipelineLayout = () => ({});
  createComputePipeline = () => ({});
  createBindGroup = () => ({});

  createCommandEncoder() {
    const pass = { setPipeline: nothing, setBindGroup: nothing, dispatchWorkgroups: nothing, end: nothing };
    return { beginComputePass: () => pass, copyBufferToBuffer: nothing, clearBuffer: nothing, finish: () => ({}) };
  }

  destroy(): void {
    this.destroyed = true;
  }
}

/** What a test knows of the devices that a {@link wrappedGpu} has given. */
export interface WrappedGpu {
  readonly gpu: GPU;
  /** The last one. */
  readonly device: GPUDevice;
  /** Bytes of its buffers that are not destroyed. */
  readonly liveBytes: number;
  /** As the runtime tells of a GPU that is gone. */
  lose(message: string): void;
}

/** What is changed about the runtime's GPU. */
export interface WrapOptions {
  /** Text for a shader whose label it is given, instead of its own; `undefined`: its own. */
  readonly shader?: (label: string) => string | undefined;
  /** True: its devices have the limits that every WebGPU has. */
  readonly defaultLimits?: boolean;
}

/** The runtime's own GPU, which may be one in software, as if it were none. `undefined` where there is none. */
export async function wrappedGpu({ shader, defaultLimits = false }: WrapOptions = {}): Promise<WrappedGpu> {
  const adapter = (await navigator.gpu.requestAdapter())!;
  const { vendor, architecture, description } = adapter.info;
  const info = { vendor, architecture, description, isFallbackAdapter: false };
  const live = new Set<GPUBuffer>();
  let device: GPUDevice | undefined;
  let lose: WrappedGpu["lose"] = nothing;
  const requestDevice = async (descriptor: GPUDeviceDescriptor) => {
    device = await adapter.requestDevice(defaultLimits ? {} : descriptor);
    const lost = new Promise((resolve) => lose = (message) => resolve({ reason: "unknown", message }));
    Object.defineProperty(device, "lost", { value: lost });
    watchBuffers(device, live);
    if (shader) replaceShaders(device, shader);
    return device;
  };
  return {
    gpu: {
      requestAdapter: () =>
        Promise.resolve({ info, limits: adapter.limits, features: adapter.features, requestDevice }),
    } as unknown as GPU,
    get device() {
      return device!;
    },
    get liveBytes() {
      return [...live].reduce((sum, { size }) => sum + size, 0);
    },
    lose: (message) => lose(message),
  };
}

function watchBuffers(device: GPUDevice, live: Set<GPUBuffer>): void {
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      live.delete(buffer);
      destroy();
    };
    live.add(buffer);
    return buffer;
  };
}

function replaceShaders(device: GPUDevice, shader: NonNullable<WrapOptions["shader"]>): void {
  const create = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) => {
    const code = shader(descriptor.label ?? "") ?? descriptor.code;
    return create({ ...descriptor, code });
  };
}
