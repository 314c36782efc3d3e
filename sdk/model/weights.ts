import { type Backend, type Matrix, WeightFormat } from "../backend/backend.ts";
import { LorisError } from "../errors.ts";
import { type GgmlTypeName, requireSupported } from "../gguf/gguf.ts";
import { MemoryPlan } from "../memory/plan.ts";
import { groupBy } from "../platform/group.ts";
import { SequentialReader } from "../sources/sequential.ts";
import type { Source } from "../sources/source.ts";
import {
  type LanguageTensors,
  mapLanguage,
  mapVision,
  type NeededTensor,
  type VisionLayer,
  type VisionTensors,
} from "./tensors.ts";

/**
 * How weights are held: as near to the file's own types as can be ("file"), or all in 16, in 8, or in 4 bits. "q8" and
 * "q4" leave alone what is smaller already; "q4" keeps the embedding and the patch embedding, which everything
 * passes through, in 8 bits; "q4-all" the patch embedding alone, which is small.
 */
export type WeightLevel = "file" | "f16" | "q8" | "q4" | "q4-all";

/** What each GGUF type becomes when nothing forces it smaller: exact where one of our formats can be. */
const NATURAL: Partial<Record<GgmlTypeName, WeightFormat>> = {
  F32: WeightFormat.f32,
  F16: WeightFormat.f16,
  BF16: WeightFormat.f32,
  Q4_0: WeightFormat.q4,
  Q4_1: WeightFormat.q4Min,
  Q4_K: WeightFormat.q4Min,
  Q5_0: WeightFormat.q8,
  Q5_1: WeightFormat.q8,
  Q5_K: WeightFormat.q8,
  Q6_K: WeightFormat.q8,
  Q8_0: WeightFormat.q8,
  IQ4_NL: WeightFormat.q8,
};

/**
 * How a matrix is held. @param sensitive True for what everything passes through, which "q4" leaves in 8 bits.
 * @throws {LorisError} `file_unsupported` for a type that cannot be read.
 */
export function formatFor({ tensor }: NeededTensor, level: WeightLevel, sensitive: boolean): WeightFormat {
  requireSupported(tensor);
  const natural = NATURAL[tensor.type]!;
  if (level === "file" || natural >= WeightFormat.q4) return natural;
  if (level === "f16") return WeightFormat.f16;
  return level === "q8" || sensitive ? WeightFormat.q8 : WeightFormat.q4;
}

/** A tensor with its place; `format` is undefined for a vector, which becomes f32. */
export interface PlacedTensor {
  readonly needed: NeededTensor;
  readonly format: WeightFormat | undefined;
  readonly address: number;
}

/** Places of all weights. */
export interface PlacedWeights {
  readonly language: LanguageTensors<Matrix, number>;
  readonly vision: VisionTensors<Matrix, number>;
  /** What is loaded once. */
  readonly placed: readonly PlacedTensor[];
  /** What is read for each pass over the encoder: its layers, then the connector; they share slots. Empty if all is loaded once. */
  readonly streamed: readonly (readonly PlacedTensor[])[];
}

/**
 * Gives every tensor of both networks its format and its place in the plan.
 *
 * @param slots 0: all weights stay in memory. Else the matrices of the encoder's layers, and the connector's, take turns in so
 * many slots, each of the largest layer's size.
 */
export function placeWeights(
  plan: MemoryPlan,
  backend: Backend,
  text: LanguageTensors<NeededTensor, NeededTensor>,
  picture: VisionTensors<NeededTensor, NeededTensor>,
  level: WeightLevel,
  slots = 0,
): PlacedWeights {
  const placed: PlacedTensor[] = [];
  const sensitive = new Set([picture.patchEmbd, ...(level === "q4-all" ? [] : [text.tokenEmbd, text.output])]);
  const place = (needed: NeededTensor, where: MemoryPlan, list: PlacedTensor[]): Matrix => {
    const format = formatFor(needed, level, sensitive.has(needed));
    const { columns, width } = needed;
    const address = where.reserve("weights", backend.matrixBytes(columns, width, format));
    list.push({ needed, format, address });
    return { address, format, columns, width };
  };
  const layers = slots === 0 ? [] : [...picture.layers.map(matricesOf), [picture.fc]];
  const layerBytes = layers.map((needed) => {
    const trial = new MemoryPlan(0);
    needed.forEach((n) => place(n, trial, []));
    return trial.total;
  });
  const slotBytes = Math.max(0, ...layerBytes);
  const ring = plan.reserve("vision ring", slots * slotBytes);
  const streamed: PlacedTensor[][] = layers.map(() => []);
  const inRing = new Map(layers.flatMap((needed, l) => {
    const slot = new MemoryPlan(ring + (l % slots) * slotBytes);
    return needed.map((n) => [n, place(n, slot, streamed[l]!)] as const);
  }));
  const matrix = (needed: NeededTensor): Matrix => inRing.get(needed) ?? place(needed, plan, placed);
  const vector = (needed: NeededTensor): number => {
    requireSupported(needed.tensor);
    const address = plan.reserve("weights", needed.width * 4);
    placed.push({ needed, format: undefined, address });
    return address;
  };
  const [language, vision] = [mapLanguage(text, matrix, vector), mapVision(picture, matrix, vector)];
  return { language, vision, placed, streamed };
}

function matricesOf(layer: VisionLayer<NeededTensor, NeededTensor>): NeededTensor[] {
  return (Object.values(layer) as NeededTensor[]).filter(({ kind }) => kind === "matrix");
}

/** How far a load has come. Bytes are bytes of the files. */
export interface LoadProgress {
  /** What is being read: the file's name. */
  readonly file: string;
  /** Read so far, of both models together. */
  readonly loadedBytes: number;
  /** All that will be read: what the lazy plan makes unreachable is not among it. */
  readonly totalBytes: number;
}

/** A piece is at least this long, so that reading does not cost more than converting. */
const PIECE_BYTES = 1 << 18;
const READ_AHEAD_BYTES = 1 << 20;
const GROUP_ROWS = 8;

/** Bytes of scratch that {@link loadWeights} works in: a piece of a file, and a group of rows as f32. */
export function loadScratchBytes(backend: Backend, placed: readonly PlacedTensor[]): number {
  return pieceBytes(placed) + f32ScratchBytes(backend, placed);
}

function pieceBytes(placed: readonly PlacedTensor[]): number {
  const groups = placed.map(({ needed, format }) => format === undefined ? 0 : rowBytes(needed) * GROUP_ROWS);
  return Math.ceil(Math.max(PIECE_BYTES, ...groups) / 64) * 64;
}

function f32ScratchBytes(backend: Backend, placed: readonly PlacedTensor[]): number {
  return Math.max(
    ...placed.map(({ needed, format }) => format === undefined ? 0 : backend.packScratch(needed.width) * 4),
  );
}

function rowBytes({ tensor, columns }: NeededTensor): number {
  return tensor.bytes / columns;
}

/**
 * Reads all tensors in the order of their files and converts each piece at once into its final place.
 *
 * @param scratch Load scratch of {@link loadScratchBytes} bytes: see `Backend.loadScratch`.
 * @throws {LorisError} `source_failed`; `file_invalid` for a weight that is NaN or infinite; the signal's reason.
 */
export async function loadWeights(
  backend: Backend,
  placed: readonly PlacedTensor[],
  scratch: number,
  onProgress?: (progress: LoadProgress) => void,
  signal?: AbortSignal,
): Promise<void> {
  const totalBytes = placed.reduce((sum, p) => sum + p.needed.tensor.bytes, 0);
  const staging = { address: scratch, bytes: pieceBytes(placed) };
  const f32 = scratch + staging.bytes;
  let loadedBytes = 0;
  for (const [source, tensors] of groupBy(placed, (p): Source => p.needed.tensor.source)) {
    const ordered = tensors.toSorted((a, b) => a.needed.tensor.offset - b.needed.tensor.offset);
    const last = ordered.at(-1)!.needed.tensor;
    const reader = new SequentialReader(
      source,
      ordered[0]!.needed.tensor.offset,
      last.offset + last.bytes,
      READ_AHEAD_BYTES,
      signal,
    );
    try {
      for (const tensor of ordered) {
        for (const piece of pieces(tensor, staging.bytes)) {
          signal?.throwIfAborted();
          await reader.read(piece.offset, backend.bytes(staging.address, piece.bytes));
          convert(backend, tensor, piece, staging.address, f32);
          loadedBytes += piece.bytes;
          onProgress?.({ file: source.name, loadedBytes, totalBytes });
        }
      }
    } finally {
      await reader.close();
    }
  }
}

/** Whole groups of rows of a matrix (`count` rows), or a run of a vector's elements (`count` elements). */
interface Piece {
  readonly first: number;
  readonly count: number;
  readonly offset: number;
  readonly bytes: number;
}

function* pieces({ needed, format }: PlacedTensor, limit: number): Generator<Piece> {
  const { tensor } = needed;
  // a vector is cut at multiples of 256 elements, the largest block of any type
  const [unit, units] = format === undefined
    ? [tensor.bytes / tensor.elements, tensor.elements]
    : [rowBytes(needed), needed.columns];
  const step = format === undefined ? 256 : GROUP_ROWS;
  const most = Math.max(step, Math.floor(limit / unit / step) * step);
  for (let first = 0; first < units; first += most) {
    const count = Math.min(most, units - first);
    yield { first, count, offset: tensor.offset + first * unit, bytes: count * unit };
  }
}

function convert(backend: Backend, { needed, format, address }: PlacedTensor, piece: Piece, src: number, f32: number) {
  const { tensor, width } = needed;
  if (format === undefined) {
    const dst = address + piece.first * 4;
    if (backend.dequantize(dst, src, piece.count, tensor.typeId) !== 0) refuse(needed);
    return;
  }
  const dst = address + backend.matrixBytes(piece.first, width, format);
  const outcome = backend.pack(dst, src, piece.count, width, rowBytes(needed), tensor.typeId, format, f32);
  if (outcome !== 0) refuse(needed);
}

function refuse({ tensor }: NeededTensor): never {
  throw new LorisError(
    "file_invalid",
    `${tensor.source.name}: ${tensor.name} holds a weight that is not a finite number, or a block of them with a scale of 256 or more; the file is damaged`,
  );
}
