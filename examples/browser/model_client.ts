import type { Message } from "../../sdk/mod.ts";
import type { Answered, BackendOption, Loaded, ModelFiles, Progress, Reply, Request } from "./messages.ts";

/** Ended because the page asked for it. */
export class Stopped extends Error {}

/** The worker, as functions. It does one thing at a time. */
export class ModelClient {
  readonly #worker = new Worker(new URL("./model_worker.js", import.meta.url), { type: "module" });

  load(files: ModelFiles, backend: BackendOption, onProgress: (progress: Progress) => void): Promise<Loaded> {
    return this.#send({ type: "load", files, backend }, (message, resolve) => {
      if (message.type === "progress") onProgress(message.progress);
      if (message.type === "loaded") resolve(message.loaded);
    });
  }

  ask(messages: readonly Message[], onText: (text: string) => void): Promise<Answered> {
    return this.#send({ type: "ask", messages }, (message, resolve) => {
      if (message.type === "piece") onText(message.text);
      if (message.type === "answered") resolve(message.answered);
    });
  }

  /** Ends what is being done. */
  stop(): void {
    this.#worker.postMessage({ type: "stop" } satisfies Request);
  }

  /** Gives the worker's memory back. */
  close(): void {
    this.#worker.terminate();
  }

  #send<T>(request: Request, hear: (message: Reply, resolve: (value: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => {
        if (data.type !== "failed") return hear(data, resolve);
        reject(data.stopped ? new Stopped(data.message) : new Error(data.message));
      };
      this.#worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message || "it did not start"}`));
      this.#worker.postMessage(request);
    });
  }
}
