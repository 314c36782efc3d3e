/** What a device can beyond what every WebGPU has, as far as operations have variants for it. */
export interface Capabilities {
  /** Arithmetic of 16-bit floats. */
  readonly f16: boolean;
  /** Lanes of a subgroup add up without workgroup memory. */
  readonly subgroups: boolean;
  /** Products of 4 packed bytes at once. */
  readonly dot4I8: boolean;
}

/** Of WGSL, not of a device. */
const DOT4_I8 = "packed_4x8_integer_dot_product";
/** Features that a device has only if it is asked for them. */
const FEATURES = { f16: "shader-f16", subgroups: "subgroups" } as const;

/** Features to ask a device for: all that there are variants for and that its adapter has. */
export function wantedFeatures(adapter: GPUAdapter): GPUFeatureName[] {
  return Object.values(FEATURES).filter((name) => adapter.features.has(name));
}

/** What can be used of a device. */
export function capabilitiesOf(device: GPUDevice): Capabilities {
  const has = (name: string) => device.features.has(name as GPUFeatureName);
  // older runtimes do not say what their language has, nor do Deno's own types
  const gpu = navigator.gpu as { readonly wgslLanguageFeatures?: ReadonlySet<string> } | undefined;
  return {
    f16: has(FEATURES.f16),
    subgroups: has(FEATURES.subgroups),
    dot4I8: gpu?.wgslLanguageFeatures?.has(DOT4_I8) ?? false,
  };
}
