import { type Matrix, WeightFormat } from "../../backend.ts";
import { GROUP } from "../../packed_blocks.ts";
import type { DeviceMemory, Operand } from "../memory.ts";

/** Workgroups that a dimension takes. */
export const MAX_GROUPS = 65535;

/** The flags by which shaders of all formats tell them apart. */
export const MATRIX_FLAGS = {
  [WeightFormat.f32]: "F32",
  [WeightFormat.f16]: "F16",
  [WeightFormat.q8]: "Q8",
  [WeightFormat.q4]: "Q4",
  [WeightFormat.q4Min]: "Q4_MIN",
} as const;

/** A part of a packed matrix that a binding can hold: columns `first` to under `end`. */
export interface MatrixWindow {
  readonly operand: Operand;
  readonly first: number;
  readonly end: number;
}

/** A matrix in as few parts of whole groups as bindings and grids allow: most often one. */
export function* matrixWindows(m: DeviceMemory, { address, format, columns, width }: Matrix): Generator<MatrixWindow> {
  const groupBytes = m.matrixBytes(GROUP, width, format);
  const most = Math.max(1, Math.min(MAX_GROUPS, Math.floor(m.maxWindow / groupBytes))) * GROUP;
  for (let first = 0; first < columns; first += most) {
    const end = Math.min(columns, first + most);
    const bytes = Math.ceil((end - first) / GROUP) * groupBytes;
    yield { operand: m.window(address + first / GROUP * groupBytes, bytes), first, end };
  }
}
