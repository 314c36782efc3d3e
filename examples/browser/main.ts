/** The page: a photo goes in, its caption comes out of the worker beside it. */
import type { Message } from "../../sdk/mod.ts";
import { byId, onFilesOffered } from "../../src/page/dom.ts";
import { type BackendOption, type ModelFiles, WEIGHTS_CACHE } from "./messages.ts";
import { ModelClient, Stopped } from "./model_client.ts";
import { keepPage } from "./offline.ts";
import { addTurn, type Known, megabytes, showAnswer, showFacts, showProgress } from "./view.ts";
import { areKept } from "./weights.ts";

interface Photo {
  readonly blob: Blob;
  readonly name: string;
  readonly url: string;
}

const [log, problem, state] = [byId("log", "section"), byId("problem", "div"), byId("state", "p")];
const [question, send, stop, again] = [
  ...[byId("question", "input")],
  ...[byId("send", "button"), byId("stop", "button"), byId("again", "button")],
] as const;
/** A screen reader says an answer from here, once and whole, not piece by piece. */
const said = byId("said", "p");

/** `load` refuses what it does not know. */
const asked = (new URLSearchParams(location.search).get("backend") ?? "auto") as BackendOption;
let known: Known = { asked, modelBytes: 0, page: { kept: false } };
let files: ModelFiles;
let client: ModelClient | undefined;
let loading: Promise<ModelClient> | undefined;
let conversation: { readonly photo: Photo; readonly messages: Message[] } | undefined;
let busy = false;

function know(news: Partial<Known>): void {
  known = { ...known, ...news };
  showFacts(known);
}

function tell(error: unknown): void {
  if (error instanceof Stopped) {
    state.textContent = "Stopped.";
    return;
  }
  problem.textContent = error instanceof Error ? error.message : String(error);
  state.textContent = "";
}

/** Loads the model once; after a failure, the next call tries again, with the parts that have come. */
function model(): Promise<ModelClient> {
  return loading ??= loadModel().catch((error) => {
    client?.close();
    client = loading = undefined;
    again.hidden = error instanceof Stopped;
    throw error;
  }).finally(() => byId("loading", "section").hidden = true);
}

async function loadModel(): Promise<ModelClient> {
  again.hidden = true;
  const loader = client = new ModelClient();
  state.textContent = `Loading the model, ${megabytes(known.modelBytes)}.`;
  let told = 0;
  const loaded = await loader.load(files, known.asked, (progress) => {
    const quarters = showProgress(progress);
    // spoken now and then, not with every packet
    if (quarters > told) state.textContent = `Loading the model, ${(told = quarters) * 25} %.`;
  });
  know({ loaded });
  state.textContent = "The model is ready.";
  return loader;
}

function setBusy(value: boolean): void {
  busy = value;
  log.setAttribute("aria-busy", String(value));
  send.setAttribute("aria-disabled", String(value));
  const focused = document.activeElement === stop;
  stop.hidden = !value;
  if (focused && !value) question.focus();
}

async function ask(text: string): Promise<void> {
  if (busy) return;
  problem.textContent = said.textContent = "";
  if (!conversation) {
    state.textContent = "Choose a photo first.";
    byId("choose", "button").focus();
    return;
  }
  const { photo, messages } = conversation;
  const first = messages.length === 0;
  const user: Message = {
    role: "user",
    content: first ? [{ type: "image", image: photo.blob }, { type: "text", text }] : text,
  };
  if (question.value.trim() === text) question.value = "";
  if (first) log.replaceChildren();
  const place = addTurn(text, first ? photo : undefined);
  setBusy(true);
  showAnswer();
  try {
    const ready = await model();
    state.textContent = "Looking and thinking…";
    const answered = await ready.ask([...messages, user], (piece) => {
      place.textContent = (place.textContent + piece).trimStart();
    });
    place.textContent = answered.text.trim() || "The model had nothing to say.";
    messages.push(user, { role: "assistant", content: answered.text });
    know({ answered });
    said.textContent = place.textContent;
    state.textContent = "Done.";
  } catch (error) {
    tell(error);
    if (place.textContent === "" || !(error instanceof Stopped)) question.value ||= text;
    // it will be asked again; under the first one is the photo, which stays
    if (place.textContent === "" && !first) place.parentElement!.remove();
  } finally {
    setBusy(false);
  }
}

/** A new photo begins a new conversation, with the question that stands in the field. */
async function pick(blob: Blob | undefined, name: string): Promise<void> {
  if (!blob) return;
  if (busy) {
    state.textContent = "One photo at a time: stop this answer first.";
    return;
  }
  if (!blob.type.startsWith("image/")) {
    problem.textContent = `${name} is not a picture. JPEG, PNG, WebP, GIF and BMP work.`;
    return;
  }
  if (conversation) URL.revokeObjectURL(conversation.photo.url);
  conversation = { photo: { blob, name, url: URL.createObjectURL(blob) }, messages: [] };
  await ask(fieldText());
}

const fieldText = () => question.value.trim() || question.placeholder;
const pickFile = (files: FileList | null | undefined) => void pick(files?.[0], files?.[0]?.name ?? "");

async function pickSample(path: string): Promise<void> {
  if (!busy) state.textContent = "Reading the photo…";
  try {
    await pick(await (await fetch(path)).blob(), path.slice(path.lastIndexOf("/") + 1));
  } catch (error) {
    tell(error);
  }
}

function listen(): void {
  const input = byId("file", "input");
  byId("choose", "button").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    pickFile(input.files);
    // the same photo again is a change as well
    input.value = "";
  });
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-photo]")) {
    button.addEventListener("click", () => void pickSample(button.dataset.photo!));
  }
  byId("ask", "form").addEventListener("submit", (event) => {
    event.preventDefault();
    void ask(fieldText());
  });
  again.addEventListener("click", () => {
    problem.textContent = "";
    if (conversation) void ask(fieldText());
    else model().catch(tell);
  });
  stop.addEventListener("click", () => client?.stop());
  onFilesOffered(pickFile);
}

async function start(): Promise<void> {
  if (!isSecureContext) {
    throw new Error("This page needs https, or http on 127.0.0.1: browsers keep nothing elsewhere.");
  }
  files = await (await fetch("model.json")).json();
  know({ modelBytes: files.text.bytes + files.vision.bytes });
  listen();
  void keepPage().then((page) => know({ page }));
  // what is here already costs nobody a byte
  const cache = await caches.open(WEIGHTS_CACHE).catch(() => undefined);
  if (cache && await areKept([files.text, files.vision], cache)) await model();
}

start().catch(tell);
