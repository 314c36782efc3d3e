import { LorisError } from "../errors.ts";
import { renderJinja } from "./jinja.ts";
import { Placeholders } from "./placeholders.ts";

/** One turn of a conversation; several parts stand in the order given. */
export interface ChatMessage {
  readonly role: "user" | "assistant" | "system";
  readonly content: string | readonly ChatContent[];
}

/** Words, or the place of a picture; pictures are numbered from 0 through the conversation. */
export type ChatContent = { readonly type: "text"; readonly text: string } | { readonly type: "image" };

/** A rendered conversation: the template's own text, users' text, and pictures, in order. */
export type PromptPart =
  | { readonly type: "markup"; readonly text: string }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly index: number };

/**
 * SmolVLM's conversation format, for files that bring no template: one `<|im_start|>`, then for each message its role,
 * a colon, its content and `<end_of_utterance>`. A picture at the start follows the colon at once.
 */
export const DEFAULT_TEMPLATE = "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}" +
  "{{ ':' if message['content'][0]['type'] == 'image' else ': ' }}{% for part in message['content'] %}" +
  "{{ part['text'] if part['type'] == 'text' else '<image>' }}{% endfor %}{{ '<end_of_utterance>\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";

/** What a template writes where a picture goes. */
const IMAGE_MARK = "<image>";
const ROLES: readonly string[] = ["user", "assistant", "system"];

/**
 * Renders a conversation with the model's template, up to where the answer begins.
 *
 * The template never sees a user's text. It gets a placeholder with a random number in it, so that whatever is found in
 * the result besides placeholders is the template's own: only there `<image>` and control tokens count. `trim` and its
 * kin act on the text as they should; filters that look into it (`upper`, `replace`, `length`) see the placeholder.
 *
 * Templates are written for a text as content or for a list of parts. Parts are given where there is a picture, and
 * where the template fails on texts or loses one.
 *
 * @throws {LorisError} `argument_invalid` for messages that are not of the documented form, `file_invalid` if the
 * template fails, leaves a text out, or does not have as many places for pictures as there are pictures.
 */
export function renderChat(template: string, messages: readonly ChatMessage[]): PromptPart[] {
  checkMessages(messages);
  const images = messages.flatMap(parts).filter((part) => part.type === "image").length;
  if (images > 0) return render(template, messages, images, parts);
  const plain = (message: ChatMessage) => parts(message).map((part) => part.type === "text" ? part.text : "").join("");
  try {
    return render(template, messages, 0, plain);
  } catch (error) {
    if (!(error instanceof LorisError)) throw error;
    return render(template, messages, 0, parts);
  }
}

type Layout = (message: ChatMessage) => string | ChatContent[];

function render(template: string, messages: readonly ChatMessage[], images: number, layout: Layout): PromptPart[] {
  const placeholders = new Placeholders(template);
  const { texts } = placeholders;
  const make = (text: string) => placeholders.make(text);
  const variables = {
    messages: messages.map((message) => {
      const content = layout(message);
      return {
        role: message.role,
        content: typeof content === "string"
          ? make(content)
          : content.map((part) => part.type === "text" ? { type: "text", text: make(part.text) } : { type: "image" }),
      };
    }),
    add_generation_prompt: true,
    // Marks that some templates add by variable; the tokenizer adds the first token itself, where the file asks for it.
    bos_token: "",
    eos_token: "",
  };
  const rendered = renderJinja(template, variables);
  const found = new Set<number>();
  const result: PromptPart[] = [];
  let image = 0;
  let end = 0;
  const markup = (text: string) => {
    for (const [i, piece] of text.split(IMAGE_MARK).entries()) {
      if (i > 0) result.push({ type: "image", index: image++ });
      if (piece !== "") result.push({ type: "markup", text: piece });
    }
  };
  for (const place of placeholders.placesIn(rendered)) {
    markup(rendered.slice(end, place.start));
    end = place.end;
    found.add(place.index);
    let text = texts[place.index]!;
    if (place.trimmedStart) text = text.trimStart();
    if (place.trimmedEnd) text = text.trimEnd();
    if (text !== "") result.push({ type: "text", text });
  }
  markup(rendered.slice(end));
  if (found.size < texts.length) {
    fail(`leaves out ${texts.length - found.size} of the conversation's ${texts.length} texts`);
  }
  if (image !== images) fail(`has ${image} places for pictures, the conversation has ${images} pictures`);
  return result;
}

function parts(message: ChatMessage): ChatContent[] {
  return typeof message.content === "string" ? [{ type: "text", text: message.content }] : [...message.content];
}

/** @throws {LorisError} `argument_invalid` naming the message, or the part of it, that is not of the documented form. */
export function checkMessages(messages: readonly ChatMessage[]): void {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new LorisError("argument_invalid", "messages must be a list of at least one message", { param: "messages" });
  }
  for (const [i, message] of messages.entries()) {
    const bad = (name: string, wanted: string) => {
      const param = `messages[${i}].${name}`;
      throw new LorisError("argument_invalid", `${param} must be ${wanted}`, { param });
    };
    if (!ROLES.includes(message?.role)) bad("role", `one of ${ROLES.join(", ")}, it is ${String(message?.role)}`);
    const { content } = message;
    if (typeof content === "string") continue;
    if (!Array.isArray(content) || content.length === 0) bad("content", "a text or a list of at least one part");
    for (const [j, part] of content.entries()) {
      const right = part?.type === "image" || (part?.type === "text" && typeof part.text === "string");
      if (!right) bad(`content[${j}]`, '{ type: "text", text } or { type: "image" }');
    }
  }
}

function fail(message: string): never {
  throw new LorisError("file_invalid", `tokenizer.chat_template ${message}`, { param: "tokenizer.chat_template" });
}
