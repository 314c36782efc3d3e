/** The embedded model for the table: a picture is encoded once, and all rows answer about it. */
import type { CaptionerParts } from "../../../sdk/captioner.ts";
import type { KvCache } from "../../../sdk/lazy/cache.ts";
import type { LazyPlan } from "../../../sdk/lazy/plan.ts";
import { planFromMetadata } from "../../../sdk/lazy/plan_format.ts";
import { keepRows, mostImportant } from "../../../sdk/lazy/visual_tokens.ts";
import { loadParts } from "../../../sdk/load.ts";
import { openGguf } from "../../../sdk/gguf/gguf.ts";
import { Pacer } from "../../../sdk/model/pacer.ts";
import type { Vlm } from "../../../sdk/model/vlm.ts";
import { fileSource } from "../../../sdk/sources/file.ts";
import { Detokenizer } from "../../../sdk/text/detokenizer.ts";
import { buildPrompt } from "../../../sdk/text/prompt.ts";
import { NANO } from "../model.ts";
import { type Clock, type ClockName, CLOCKS } from "./clock.ts";
import type { TableRow } from "./table_rows.ts";

/** A picture's image tokens, all of them, and how important each is. */
export interface Looked {
  readonly tokens: Float32Array;
  readonly importance: Float32Array;
}

/** What one row says to one question, or to several of one kind. */
export interface Answered {
  readonly texts: readonly string[];
  /** Token ids of the last answer, its end left out. */
  readonly ids: readonly number[];
  readonly prefillMs: number;
  /** Of decode steps, on average; 0 if there was none. */
  readonly perTokenMs: number;
  /** Of the prompt, from the cache itself. */
  readonly kvBytes: number;
}

/** Longest answers: a caption's as in the reference scores, and a long one's, which no end token cuts short. */
export const MAX_TOKENS = { caption: 26, long: 128 };
const CAPTION_QUESTION = "Describe this image.";
const CONTEXT_TOKENS = 256;

export class TableModel {
  readonly own: LazyPlan;
  readonly #parts: CaptionerParts;

  readonly #clock: ClockName;

  private constructor(parts: CaptionerParts, own: LazyPlan, clock: ClockName) {
    this.#parts = parts;
    this.#clock = clock;
    this.own = own;
  }

  /** The embedded model, with room for every plan, and an encoder that measures what is important. */
  static async open(clock: ClockName): Promise<TableModel> {
    const sources = [fileSource(NANO.text), fileSource(NANO.vision)] as const;
    const [text, vision] = sources;
    const options = { text, vision, contextTokens: CONTEXT_TOKENS, memoryBudget: 256 << 20, visualTokens: 1 };
    const parts = await loadParts(options, true);
    const { metadata } = await openGguf(text);
    const own = planFromMetadata(metadata, parts.model.vlm.language.config.layers);
    for (const source of sources) await source.close();
    if (!own) throw new Error("the embedded model carries no plan");
    return new TableModel(parts, own, clock);
  }

  get layers(): number {
    return this.#parts.model.vlm.language.config.layers;
  }

  get tileTokens(): number {
    return this.#parts.model.vlm.vision.config.tokens;
  }

  /** Everything that answers and their times follow from beside the row, for a journal. */
  get key(): string {
    return `nano ${this.#parts.model.weights} ${this.#parts.model.vlm.backend.name} ${this.#clock}`;
  }

  /** Text tokens of the caption's prompt. */
  get textTokens(): number {
    const { head, tail } = this.#prompt(CAPTION_QUESTION);
    return head.length + tail.length;
  }

  /** Encodes a picture. */
  async look(bytes: Uint8Array): Promise<Looked> {
    const { images, model: { vlm } } = this.#parts;
    const side = vlm.vision.config.imageSize;
    const tokens = await vlm.imageTokens(images.decode(bytes, side, side));
    return { tokens, importance: vlm.vision.importance!.slice() };
  }

  /**
   * A conversation about a picture under a row's switches. What all questions share, up to the first token after the picture,
   * goes through the decoder once; no later conversation may have begun when it is asked.
   */
  async about(looked: Looked, row: TableRow): Promise<Conversation> {
    const { vlm, cache } = this.#parts.model.under(row);
    const { head, tail } = this.#prompt(CAPTION_QUESTION);
    const shared = tail.slice(0, 1);
    const clock = CLOCKS[this.#clock];
    const started = clock();
    await vlm.prefill(cache, [
      { kind: "text", ids: head },
      { kind: "embeddings", ...this.#kept(looked, row.kept) },
      // the next free position is told by the last row: a token that was left out at the end must not be forgotten
      { kind: "text", ids: shared },
    ]);
    const ask = (question: string) => {
      const { tail } = this.#prompt(question);
      if (tail[0] !== shared[0]) throw new Error("the prompts differ before the question");
      return tail.slice(1);
    };
    return new Conversation(this.#parts, vlm, cache, { clock, sharedMs: clock() - started }, ask);
  }

  #kept({ tokens, importance }: Looked, kept: number) {
    const span = this.tileTokens;
    if (kept === span) return { rows: tokens, span };
    const width = tokens.length / span;
    const positions = mostImportant(importance, kept);
    const rows = tokens.slice();
    keepRows(rows, width, positions, true);
    return { rows: rows.subarray(0, kept * width), positions, span };
  }

  /** The prompt's text before the picture, and after it. */
  #prompt(question: string): { head: Int32Array; tail: Int32Array } {
    const { tokenizer, template } = this.#parts;
    const content = [{ type: "image" as const }, { type: "text" as const, text: question }];
    const layout = { rows: 0, cols: 0, tokensPerTile: this.tileTokens };
    const { ids, imagePositions } = buildPrompt(tokenizer, template, [{ role: "user", content }], [layout]);
    const { start, length } = imagePositions[0]!;
    return { head: ids.slice(0, start), tail: ids.slice(start + length) };
  }
}

/** Questions about one picture under one row. */
export class Conversation {
  readonly #sharedSlots: number;
  #long: Answered | undefined;

  constructor(
    readonly parts: CaptionerParts,
    readonly vlm: Vlm,
    readonly cache: KvCache,
    readonly times: { readonly clock: Clock; readonly sharedMs: number },
    readonly ask: (question: string) => Int32Array,
  ) {
    this.#sharedSlots = cache.length;
  }

  /** The caption: the beginning of the long answer, if that is there already. */
  async caption(): Promise<Answered> {
    if (!this.#long) return await this.#answer(CAPTION_QUESTION, MAX_TOKENS.caption, false);
    const { ids, ...cost } = this.#long;
    const end = ids.findIndex((id) => this.parts.tokenizer.endIds.has(id));
    return { ...cost, ...this.#worded(ids.slice(0, Math.min(end < 0 ? ids.length : end, MAX_TOKENS.caption))) };
  }

  /** The caption's question answered at length, end tokens or not. */
  async long(): Promise<Answered> {
    return this.#long = await this.#answer(CAPTION_QUESTION, MAX_TOKENS.long, true);
  }

  /** Each question answered in words. */
  async words(questions: readonly string[]): Promise<Answered> {
    return await this.#each(questions, (question) => this.#answer(question, MAX_TOKENS.caption, false));
  }

  /** Each question answered by the larger of two logits at the answer's first position: those that ` Yes` and ` No` begin with. */
  async yesNo(questions: readonly string[]): Promise<Answered> {
    const { tokenizer } = this.parts;
    const [yes, no] = [" Yes", " No"].map((text) => tokenizer.encodeText(text)[0]);
    if (yes === undefined || no === undefined || yes === no) throw new Error("the model cannot tell yes from no");
    return await this.#each(questions, async (question) => {
      const { logits, ...cost } = await this.#prefill(question);
      const values = await this.vlm.backend.read(logits, this.vlm.language.config.vocabulary);
      return { ...cost, texts: [values[yes]! > values[no]! ? "Yes" : "No"], ids: [], perTokenMs: 0 };
    });
  }

  async #each(questions: readonly string[], answer: (question: string) => Promise<Answered>): Promise<Answered> {
    const answers: Answered[] = [];
    for (const question of questions) answers.push(await answer(question));
    return { ...answers.at(-1)!, texts: answers.flatMap(({ texts }) => texts) };
  }

  async #prefill(question: string): Promise<{ logits: number; prefillMs: number; kvBytes: number }> {
    this.cache.truncate(this.#sharedSlots);
    const { clock, sharedMs } = this.times;
    const started = clock();
    const { logits } = await this.vlm.prefill(this.cache, [{ kind: "text", ids: this.ask(question) }]);
    return { logits, prefillMs: sharedMs + clock() - started, kvBytes: this.cache.usedBytes };
  }

  async #answer(question: string, maxTokens: number, ignoreEnd: boolean): Promise<Answered> {
    const { tokenizer } = this.parts;
    const { backend, language: { config: { vocabulary } } } = this.vlm;
    const pacer = new Pacer();
    const { logits: first, ...cost } = await this.#prefill(question);
    const { clock } = this.times;
    const started = clock();
    const ids: number[] = [];
    let steps = 0;
    for (let logits = first, made = 1;; made++) {
      const id = await backend.argmax(logits, vocabulary);
      if (id < 0) throw new Error("a logit is no finite number");
      if (!ignoreEnd && tokenizer.endIds.has(id)) break;
      ids.push(id);
      if (made === maxTokens) break;
      logits = await this.vlm.step(this.cache, id, pacer);
      steps++;
    }
    const perTokenMs = steps > 0 ? (clock() - started) / steps : 0;
    return { ...cost, ...this.#worded(ids), perTokenMs };
  }

  #worded(ids: readonly number[]): Pick<Answered, "texts" | "ids"> {
    const detokenizer = new Detokenizer(this.parts.tokenizer);
    const text = ids.map((id) => detokenizer.push(id)).join("") + detokenizer.finish();
    return { texts: [text.trim()], ids };
  }
}
