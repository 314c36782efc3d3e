/** One device for all engines, with what onnxruntime would ask for if it opened its own. */

const FEATURES = ["shader-f16", "subgroups"] as const;
const LIMITS = [
  ...["maxBufferSize", "maxStorageBufferBindingSize", "maxStorageBuffersPerShaderStage"],
  ...["maxComputeWorkgroupStorageSize", "maxComputeInvocationsPerWorkgroup", "maxComputeWorkgroupsPerDimension"],
  ...["maxComputeWorkgroupSizeX", "maxComputeWorkgroupSizeY", "maxComputeWorkgroupSizeZ"],
] as const;

/**
 * A device as able as its adapter, and in words what it is and has.
 *
 * @param complain Told of each command that the device refuses, once: whoever gave it has a wrong result.
 */
export async function openDevice(
  complain: (words: string) => void,
): Promise<{ readonly device: GPUDevice; readonly description: string }> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("WebGPU has no adapter here (CONTRIBUTING.md says how to run on one in software)");
  const limits = adapter.limits as unknown as Record<string, number>;
  const features = FEATURES.filter((name) => adapter.features.has(name as GPUFeatureName));
  const device = await adapter.requestDevice({
    requiredFeatures: features as unknown as GPUFeatureName[],
    requiredLimits: Object.fromEntries(LIMITS.map((limit) => [limit, limits[limit]!])),
  });
  const known = new Set<string>();
  device.addEventListener("uncapturederror", ({ error: { message } }) => {
    if (!known.has(message)) complain(message);
    known.add(message);
  });
  const { description, vendor } = adapter.info;
  const missing = FEATURES.filter((name) => !features.includes(name));
  const lacks = missing.length > 0 ? `, without ${missing.join(" and ")}` : "";
  return { device, description: `${description || vendor}${lacks}` };
}
