import type { Asked } from "./workloads.ts";

/** An answer, and when its parts came. Times are milliseconds. */
export interface Answered {
  readonly text: string;
  readonly completionTokens: number;
  readonly cachedTokens: number;
  /** From the question to the first piece of text. */
  readonly firstMs: number;
  /** From the question to the answer's end. */
  readonly totalMs: number;
}

/** What answers: the service, or the captioner alone. */
export interface Target {
  readonly name: string;
  ask(asked: Asked): Promise<Answered>;
  /** Time that its process has computed, all threads together, in milliseconds; undefined where the system does not tell. */
  cpuMs(): Promise<number | undefined>;
  close(): Promise<void>;
}
