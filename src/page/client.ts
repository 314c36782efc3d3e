/** The page's behaviour. `tools/build_page.ts` puts it, with the page and its style, into a module of the service. */
import type { ChatRequestMessage } from "../service/chat_schema.ts";
import { byId, onFilesOffered } from "./dom.ts";
import { answerFacts, type Facts, modelFacts } from "./facts.ts";
import { type Photo, readPhoto } from "./photo.ts";
import { inWords, wantsKey } from "./problems.ts";
import { answer, getStatus, keepKey, type Usage } from "./service.ts";

interface Conversation {
  readonly photo: Photo;
  readonly messages: ChatRequestMessage[];
}

const [log, problem, state] = [byId("log", "section"), byId("problem", "p"), byId("state", "p")];
/** A screen reader says an answer from here, once and whole, not piece by piece. */
const said = byId("said", "p");
const [keyForm, key] = [byId("key-form", "form"), byId("key", "input")];
const [askForm, question] = [byId("ask", "form"), byId("question", "input")];
const [send, stop] = [byId("send", "button"), byId("stop", "button")];

let conversation: Conversation | undefined;
let running: AbortController | undefined;
/** Counts what was picked: reading a photo takes a moment, and the last one wins. */
let picked = 0;

function element<Name extends keyof HTMLElementTagNameMap>(name: Name, className: string, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function fieldText(): string {
  return question.value.trim() || question.placeholder;
}

function showFacts(id: string, facts: Facts): void {
  const list = byId(id, "dl");
  list.replaceChildren(...facts.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]));
  list.parentElement!.hidden = false;
}

/** A question with its photo, if it is about a new one; returns where the answer goes. */
function addTurn(asked: string, photo: Photo | undefined): HTMLElement {
  const turn = document.createElement("article");
  turn.append(element("p", "asked", asked));
  if (photo) {
    const figure = document.createElement("figure");
    const image = document.createElement("img");
    image.src = photo.shownUrl;
    image.alt = `Your photo, ${photo.name}`;
    figure.append(image, element("figcaption", "hint", photo.about));
    turn.append(figure);
    image.addEventListener("load", showAnswer);
  }
  const text = element("p", "answer");
  turn.append(text);
  log.append(turn);
  return text;
}

/** The last answer and the button that stops it come into sight. */
function showAnswer(): void {
  send.scrollIntoView({ block: "nearest" });
}

function setBusy(busy: boolean): void {
  log.setAttribute("aria-busy", String(busy));
  send.setAttribute("aria-disabled", String(busy));
  const focused = document.activeElement === stop;
  stop.hidden = !busy;
  if (focused && !busy) question.focus();
}

function tell(error: unknown): void {
  problem.textContent = inWords(error);
  problem.scrollIntoView({ block: "nearest" });
  state.textContent = "";
  if (!wantsKey(error)) return;
  keyForm.hidden = false;
  key.focus();
}

async function showStatus(): Promise<void> {
  const status = await getStatus();
  const { model, card } = status;
  byId("model", "p").textContent = model;
  showFacts("model-facts", modelFacts(status));
  byId("card", "aside").hidden = card === null;
  byId("limits", "p").textContent = card?.limits ?? "";
  const buttons = (card?.questions ?? []).map((text) => {
    const button = element("button", "", text);
    button.type = "button";
    button.addEventListener("click", () => void ask(text));
    return button;
  });
  const questions = byId("questions", "div");
  // a button that has the focus must not be taken away from under it
  if (questions.childElementCount !== buttons.length) questions.replaceChildren(...buttons);
}

async function ask(asked: string): Promise<void> {
  problem.textContent = "";
  if (running) return;
  if (!conversation) {
    state.textContent = "Choose a photo first.";
    byId("choose", "button").focus();
    return;
  }
  if (question.value.trim() === asked) question.value = "";
  const { photo, messages } = conversation;
  const first = messages.length === 0;
  const user: ChatRequestMessage = {
    role: "user",
    content: first ? [{ type: "image_url", image_url: { url: photo.sentUrl } }, { type: "text", text: asked }] : asked,
  };
  const controller = running = new AbortController();
  setBusy(true);
  said.textContent = "";
  state.textContent = "Looking and thinking…";
  const place = addTurn(asked, first ? photo : undefined);
  showAnswer();
  const clock = { askedMs: performance.now(), firstMs: 0, lastMs: 0 };
  let [text, usage]: [string, Usage | undefined] = ["", undefined];
  try {
    for await (const piece of answer([...messages, user], controller.signal)) {
      if ("usage" in piece) {
        usage = piece.usage;
        continue;
      }
      clock.lastMs = performance.now();
      clock.firstMs ||= clock.lastMs;
      text = (text + piece.text).trimStart();
      place.textContent = text;
      if (running === controller) state.textContent = "Answering…";
    }
    if (text === "") place.textContent = "The model had nothing to say.";
    if (usage) showFacts("answer-facts", answerFacts(usage, clock));
    if (running === controller) {
      said.textContent = place.textContent;
      state.textContent = "Done.";
    }
    // memory may have grown
    showStatus().catch(tell);
  } catch (error) {
    place.after(
      element("p", "hint", controller.signal.aborted ? "Stopped." : text === "" ? "No answer came." : "No more came."),
    );
    if (running !== controller) return;
    if (controller.signal.aborted) {
      said.textContent = text;
      state.textContent = "Stopped.";
      return;
    }
    if (text === "") question.value ||= asked;
    tell(error);
  } finally {
    if (text !== "") messages.push(user, { role: "assistant", content: text });
    if (running === controller) {
      running = undefined;
      setBusy(false);
    }
  }
}

/** A new photo begins a new conversation, with the question that stands in the field. */
async function pick(files: Iterable<File>): Promise<void> {
  const [file] = files;
  if (!file) return;
  problem.textContent = "";
  if (!file.type.startsWith("image/")) {
    problem.textContent = `${file.name} is not a picture. JPEG, PNG, WebP, GIF and BMP work.`;
    return;
  }
  running?.abort();
  running = undefined;
  setBusy(false);
  const own = ++picked;
  state.textContent = "Reading the photo…";
  try {
    const photo = await readPhoto(file);
    if (own !== picked) return;
    if (conversation) URL.revokeObjectURL(conversation.photo.shownUrl);
    log.replaceChildren();
    conversation = { photo, messages: [] };
    await ask(fieldText());
  } catch (error) {
    tell(error);
  }
}

for (const [button, input] of [["choose", "file"], ["shoot", "camera"]] as const) {
  const files = byId(input, "input");
  byId(button, "button").addEventListener("click", () => files.click());
  files.addEventListener("change", () => {
    void pick([...files.files ?? []]);
    // the same photo again is a change as well
    files.value = "";
  });
}
askForm.addEventListener("submit", (event) => {
  event.preventDefault();
  void ask(fieldText());
});
stop.addEventListener("click", () => running?.abort());
keyForm.addEventListener("submit", (event) => {
  event.preventDefault();
  keepKey(key.value.trim());
  key.value = "";
  problem.textContent = "";
  showStatus().then(() => {
    keyForm.hidden = true;
    state.textContent = "The key is right.";
    byId("choose", "button").focus();
  }, tell);
});
onFilesOffered((files) => void pick(files ?? []));
showStatus().catch((error) => {
  if (wantsKey(error)) keyForm.hidden = false;
  else tell(error);
});
