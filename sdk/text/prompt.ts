import { LorisError } from "../errors.ts";
import { type ChatMessage, renderChat } from "./template.ts";
import type { PromptText, Tokenizer } from "./tokenizer.ts";

/** How one picture was cut: a grid of tiles and the overview, or with no rows and columns the overview alone. */
export interface ImageLayout {
  readonly rows: number;
  readonly cols: number;
  /** Tokens of a tile; the overview has as many. */
  readonly tokensPerTile: number;
}

/** A run of `<image>` tokens in a prompt, in whose place one tile's embeddings go. */
export interface ImagePosition {
  /** Index of the first token, and their number. */
  readonly start: number;
  readonly length: number;
  /** The picture's number in the conversation. */
  readonly image: number;
  /** The tile's number in the picture: row by row, the overview last. */
  readonly tile: number;
}

/** A prompt's token ids and the places of its pictures. */
export interface Prompt {
  readonly ids: Int32Array;
  readonly imagePositions: readonly ImagePosition[];
}

const FAKE = "<fake_token_around_image>";
const GLOBAL = "<global-img>";
const IMAGE = "<image>";

/**
 * Writes the marks of one picture: each tile as `<fake_token_around_image><row_R_col_C>` and its `<image>` tokens, a line
 * end after each row, an empty line, then the overview.
 * Source: `transformers`, processing_idefics3 (SmolVLM's is the same).
 */
export function imageMarkup({ rows, cols, tokensPerTile }: ImageLayout): string {
  const tokens = IMAGE.repeat(tokensPerTile);
  let markup = "";
  for (let row = 1; row <= rows; row++) {
    for (let col = 1; col <= cols; col++) markup += `${FAKE}<row_${row}_col_${col}>${tokens}`;
    markup += "\n";
  }
  return `${markup}${markup && "\n"}${FAKE}${GLOBAL}${tokens}${FAKE}`;
}

/**
 * Renders a conversation into token ids, up to where the answer begins.
 *
 * @param template Jinja template; the file's, or `DEFAULT_TEMPLATE`.
 * @param imageLayouts One for each picture of the conversation, in order.
 * @throws {LorisError} `argument_invalid` for malformed messages or layouts, `file_invalid` for a template that fails,
 * `file_unsupported` for a vocabulary without the marks that the pictures need.
 */
export function buildPrompt(
  tokenizer: Tokenizer,
  template: string,
  messages: readonly ChatMessage[],
  imageLayouts: readonly ImageLayout[],
): Prompt {
  const parts = renderChat(template, messages);
  const images = parts.filter((part) => part.type === "image").length;
  if (images !== imageLayouts.length) {
    const message = `the conversation has ${images} pictures, ${imageLayouts.length} layouts were given`;
    throw new LorisError("argument_invalid", message, { param: "imageLayouts" });
  }
  for (const layout of imageLayouts) checkLayout(tokenizer, layout);
  const runs = parts.map((part): PromptText =>
    part.type === "image" ? { type: "markup", text: imageMarkup(imageLayouts[part.index]!) } : part
  );
  const ids = tokenizer.encode(runs);
  const { bosId } = tokenizer;
  if (tokenizer.addBos && bosId !== undefined && ids[0] !== bosId) ids.unshift(bosId);
  return { ids: Int32Array.from(ids), imagePositions: findImages(ids, tokenizer.idOf(IMAGE), imageLayouts) };
}

/** Marks make ids one for one, so the `<image>` ids of a prompt are those of its pictures, in order. */
function findImages(ids: readonly number[], imageId: number | undefined, layouts: readonly ImageLayout[]) {
  const positions: ImagePosition[] = [];
  let at = 0;
  for (const [image, { rows, cols, tokensPerTile }] of layouts.entries()) {
    for (let tile = 0; tile <= rows * cols; tile++) {
      at = ids.indexOf(imageId!, at);
      positions.push({ start: at, length: tokensPerTile, image, tile });
      at += tokensPerTile;
    }
  }
  return positions;
}

/** More than any model's tiling; keeps a layout from asking for an absurd prompt. */
const MAX_SIDE_TILES = 64;
const MAX_TILE_TOKENS = 65536;

function checkLayout(tokenizer: Tokenizer, { rows, cols, tokensPerTile }: ImageLayout): void {
  const whole = (n: number, max: number) => Number.isInteger(n) && n >= 0 && n <= max;
  const sides = whole(rows, MAX_SIDE_TILES) && whole(cols, MAX_SIDE_TILES) && (rows === 0) === (cols === 0);
  if (!sides || !whole(tokensPerTile, MAX_TILE_TOKENS) || tokensPerTile === 0) {
    throw new LorisError(
      "argument_invalid",
      `a picture of ${rows} rows, ${cols} columns and ${tokensPerTile} tokens a tile cannot be laid out: ` +
        `sides are both 0 or from 1 to ${MAX_SIDE_TILES}, tokens from 1 to ${MAX_TILE_TOKENS}`,
      { param: "imageLayouts" },
    );
  }
  const grid = Array.from({ length: rows * cols }, (_, i) => `<row_${Math.floor(i / cols) + 1}_col_${i % cols + 1}>`);
  for (const mark of [IMAGE, FAKE, GLOBAL, ...grid]) {
    if (tokenizer.idOf(mark) !== undefined) continue;
    const advice = grid.includes(mark) ? "; this model knows no such tile: use fewer tiles or none" : "";
    throw new LorisError("file_unsupported", `the vocabulary has no token ${mark}${advice}`, {
      param: "tokenizer.ggml.tokens",
    });
  }
}
