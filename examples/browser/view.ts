import { byId } from "../../src/page/dom.ts";
import type { KeptPage } from "./offline.ts";
import type { Answered, BackendOption, Computing, Loaded, Progress } from "./messages.ts";

function element<Name extends keyof HTMLElementTagNameMap>(name: Name, className: string, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

const number = (value: number, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
export const megabytes = (bytes: number) => `${number(bytes / 1e6, 1)} MB`;
const seconds = (ms: number) => ms < 1000 ? `${number(ms)} ms` : `${number(ms / 1000, 1)} s`;

/** Fewer say little of the model's speed. */
const MIN_STEPS = 4;

/** What is known of the model, of the last answer, and of the next visit. */
export interface Known {
  readonly asked: BackendOption;
  readonly modelBytes: number;
  readonly loaded?: Loaded;
  readonly answered?: Answered;
  readonly page: KeptPage;
}

export function showFacts({ asked, modelBytes, loaded, answered, page }: Known): void {
  const facts: [name: string, value: string][] = [];
  const computing: Computing | undefined = answered ?? loaded;
  if (computing) {
    facts.push(["Computed by", backendName(computing.backend)]);
    facts.push(["Why", asked === "auto" ? computing.reason : `${computing.reason} (?backend=${asked})`]);
  } else {
    facts.push([
      "Computed by",
      asked === "auto" ? "the GPU if it will do, else the CPU" : `${backendName(asked)}, asked for`,
    ]);
    facts.push(["Model", `${megabytes(modelBytes)}, not loaded yet`]);
  }
  if (loaded) {
    facts.push(["Model loaded in", seconds(loaded.loadMs)]);
    facts.push(["Model’s bytes", origin(loaded)]);
  }
  if (answered) {
    facts.push(["First word after", seconds(answered.firstMs)]);
    facts.push(["Speed", speed(answered)]);
    facts.push(["Length", `${answered.tokens} tokens`]);
  }
  facts.push(["Without a network", withoutNetwork(page, loaded)]);
  byId("facts", "dl").replaceChildren(
    ...facts.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]),
  );
}

function backendName(backend: string): string {
  if (backend === "webgpu") return "GPU (webgpu)";
  return backend.startsWith("wasm") ? `CPU (${backend})` : backend;
}

/** The first token comes with the prompt, and is no step. */
function speed({ tokens, firstMs, wholeMs }: Answered): string {
  const steps = tokens - 1;
  return steps < MIN_STEPS
    ? "too short an answer to tell"
    : `${number(steps / (wholeMs - firstMs) * 1000, 1)} tokens/s`;
}

function origin({ fetchedBytes, keptBytes, damagedParts, notKept }: Progress): string {
  const damaged = damagedParts === 0 ? "" : `; ${damagedParts} damaged in this browser, fetched again`;
  const lost = notKept === undefined ? "" : `; not kept, the next visit fetches them again: ${notKept}`;
  return `${megabytes(fetchedBytes)} fetched, ${megabytes(keptBytes)} from this browser${damaged}${lost}`;
}

function withoutNetwork({ kept, problem }: KeptPage, loaded: Loaded | undefined): string {
  if (problem !== undefined) return `no: ${problem}`;
  if (!kept) return "not yet";
  if (!loaded) return "the page opens; the model is not here yet";
  return loaded.notKept === undefined ? "all of this works" : "the page opens; the model was not kept";
}

/** The bar and its words; returns how much has come, in quarters. */
export function showProgress({ fetchedBytes, keptBytes, totalBytes }: Progress): number {
  const come = fetchedBytes + keptBytes;
  const bar = byId("bar", "progress");
  byId("loading", "section").hidden = false;
  bar.value = come / totalBytes;
  const words = come < totalBytes
    ? `${megabytes(come)} of ${megabytes(totalBytes)}`
    : `${megabytes(totalBytes)}; preparing`;
  const from = fetchedBytes === 0 && keptBytes > 0 ? " from this browser" : "";
  byId("loading-text", "p").textContent = words + from;
  return Math.floor(come / totalBytes * 4);
}

/** A question with its photo, if it is about a new one; returns where the answer goes. */
export function addTurn(
  asked: string,
  photo: { readonly url: string; readonly name: string } | undefined,
): HTMLElement {
  const turn = document.createElement("article");
  turn.append(element("p", "asked", asked));
  if (photo) {
    const image = document.createElement("img");
    image.src = photo.url;
    image.alt = `Your photo, ${photo.name}`;
    image.addEventListener("load", showAnswer);
    turn.append(image);
  }
  const text = element("p", "answer");
  turn.append(text);
  byId("log", "section").append(turn);
  return text;
}

/** The last answer and the buttons under it come into sight. */
export function showAnswer(): void {
  byId("send", "button").scrollIntoView({ block: "nearest" });
}
