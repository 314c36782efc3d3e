import type { LazyOption } from "../../sdk/lazy/option.ts";
import type { Arguments } from "./args.ts";

/** One kind of evaluation: what is measured of each item, and how all results together are scored. */
export interface Task<T> {
  /** What a result depends on, besides its item and what the command line says of the model. */
  readonly configuration: object;
  /** What tells an item from the others, in the data set's order. */
  readonly items: readonly string[];
  isResult(value: unknown): value is T;
  /** @param index Of the item. */
  measure(index: number): Promise<T>;
  score(results: readonly T[]): Record<string, number>;
  /** Facts of the model for the report. */
  facts(): Record<string, string | number>;
  close(): Promise<void>;
}

/** What a kind of evaluation is made of. */
export interface TaskInput {
  readonly args: Arguments;
  /** Path of the data set, and of the folder of its pictures. */
  readonly lines: string;
  readonly folder: string;
  readonly lazy: LazyOption | undefined;
  readonly signal: AbortSignal;
}
