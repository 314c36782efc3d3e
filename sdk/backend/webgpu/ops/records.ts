import type { DeviceMemory } from "../memory.ts";
import { copy } from "./elements.ts";

/** Bytes of an activation record: the row itself, as f32. */
export function recordBytes(width: number): number {
  return width * 4;
}

/** See `Backend.quantize`. */
export function quantize(m: DeviceMemory, dst: number, x: number, rows: number, width: number): void {
  copy(m, dst, x, rows * recordBytes(width));
}

/** See `Backend.roundingError`: nothing is lost. */
export function roundingError(m: DeviceMemory, dst: number, _x: number, width: number): void {
  m.clear(dst, width * 4);
}
