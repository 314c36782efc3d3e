/** What the page and its worker say to each other. */
import type { LoadOptions, Message } from "../../sdk/mod.ts";
import type { WeightsFile } from "./weights.ts";

/** As the build writes it into model.json. */
export interface ModelFiles {
  readonly text: WeightsFile;
  readonly vision: WeightsFile;
}

export type BackendOption = NonNullable<LoadOptions["backend"]>;

/** Name of the cache in which the model's parts are. */
export const WEIGHTS_CACHE = "loris-example-weights";

/** How the model has come so far, in bytes of its files. */
export interface Progress {
  readonly fetchedBytes: number;
  readonly keptBytes: number;
  readonly totalBytes: number;
  /** Kept parts that were cut or changed. */
  readonly damagedParts: number;
  /** Why the browser does not keep the model; undefined while it does. */
  readonly notKept: string | undefined;
}

/** What computes, and why it is this. */
export interface Computing {
  readonly backend: string;
  readonly reason: string;
}

export interface Loaded extends Computing, Progress {
  readonly loadMs: number;
}

export interface Answered extends Computing {
  readonly text: string;
  readonly tokens: number;
  /** From the question to the first piece of text; 0 if there was none. */
  readonly firstMs: number;
  /** From the question to the end. */
  readonly wholeMs: number;
}

export type Request =
  | { readonly type: "load"; readonly files: ModelFiles; readonly backend: BackendOption }
  | { readonly type: "ask"; readonly messages: readonly Message[] }
  | { readonly type: "stop" };

export type Reply =
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "loaded"; readonly loaded: Loaded }
  | { readonly type: "piece"; readonly text: string }
  | { readonly type: "answered"; readonly answered: Answered }
  /** `stopped`: the page asked for it. */
  | { readonly type: "failed"; readonly message: string; readonly stopped: boolean };
