/** A start from nothing: a process that has done nothing yet, up to its first caption. */
import { median } from "../measure.ts";
import { startService } from "./http.ts";
import type { Asked } from "./workloads.ts";

/** Medians, in milliseconds. */
export interface ColdStart {
  /** From the start of the process until it listens; the model is loaded then. */
  readonly listensMs: number;
  /** Of the first request: its first piece of text, its end. */
  readonly firstMs: number;
  readonly totalMs: number;
  /** Resident at most, in bytes: before the first request, and after it; undefined where the system does not tell. */
  readonly idleBytes: number | undefined;
  readonly usedBytes: number | undefined;
}

export async function coldStarts(
  conversations: number,
  contextTokens: number,
  asked: Asked,
  times: number,
): Promise<ColdStart> {
  const starts: ColdStart[] = [];
  for (let i = 0; i < times; i++) {
    const started = performance.now();
    const service = await startService(conversations, contextTokens);
    const listensMs = performance.now() - started;
    const idleBytes = (await service.memory())?.peakBytes;
    const { firstMs, totalMs } = await service.ask(asked);
    const usedBytes = (await service.memory())?.peakBytes;
    await service.close();
    starts.push({ listensMs, firstMs, totalMs, idleBytes, usedBytes });
  }
  const bytes = (key: "idleBytes" | "usedBytes") => {
    const known = starts.flatMap((start) => start[key] ?? []);
    return known.length === 0 ? undefined : median(known);
  };
  const ms = (key: "listensMs" | "firstMs" | "totalMs") => median(starts.map((start) => start[key]));
  return {
    ...{ listensMs: ms("listensMs"), firstMs: ms("firstMs"), totalMs: ms("totalMs") },
    ...{ idleBytes: bytes("idleBytes"), usedBytes: bytes("usedBytes") },
  };
}
