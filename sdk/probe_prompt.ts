import type { ImageInput } from "./image/input.ts";
import { selectTokens, type VisualSelection } from "./lazy/visual_tokens.ts";
import type { PromptPiece } from "./model/vlm.ts";
import { buildPrompt } from "./text/prompt.ts";
import type { Tokenizer } from "./text/tokenizer.ts";

/** A picture's image tokens. */
export interface EncodedPicture {
  /** Tells it from a picture that is still to be encoded. */
  readonly kind: "encoded";
  /** f32 [tokens of a tile, width]. */
  readonly rows: Float32Array;
  /** f32 [tokens of a tile]: the attention that each received in the encoder's last layers. */
  readonly importance: Float32Array;
}

/** A question about a picture, whose image tokens are computed. */
export interface Prepared {
  /** Ids before the picture. */
  readonly before: Int32Array;
  /** Its image tokens. */
  readonly picture: EncodedPicture;
  /** Ids after the picture, with the question. */
  readonly after: Int32Array;
  /** Slots that the prompt takes, with all image tokens. */
  readonly tokens: number;
  /** Those of its image tokens, ascending. */
  readonly visual: readonly number[];
}

/** True for image tokens, false for a picture that is still to be encoded. */
export function isEncoded(image: ImageInput | EncodedPicture): image is EncodedPicture {
  return (image as Partial<EncodedPicture> | null)?.kind === "encoded";
}

/** The prompt that asks about one picture of one tile, by a template; the tile has so many image tokens. */
export function promptAbout(
  tokenizer: Tokenizer,
  template: string,
  question: string,
  imageTokens: number,
): Omit<Prepared, "picture"> {
  const content = [{ type: "image" as const }, { type: "text" as const, text: question }];
  const layout = { rows: 0, cols: 0, tokensPerTile: imageTokens };
  const { ids, imagePositions } = buildPrompt(tokenizer, template, [{ role: "user", content }], [layout]);
  const { start } = imagePositions[0]!;
  return {
    before: ids.subarray(0, start),
    after: ids.subarray(start + imageTokens),
    tokens: ids.length,
    visual: Array.from({ length: imageTokens }, (_, i) => start + i),
  };
}

/** The pieces of a prompt: of the picture only the image tokens that stay, at the places that they have among all. */
export function piecesOf(
  { before, picture: { rows, importance }, after }: Prepared,
  selection: VisualSelection | undefined,
  width: number,
): PromptPiece[] {
  const around = (tile: PromptPiece): PromptPiece[] => [
    { kind: "text", ids: before },
    tile,
    { kind: "text", ids: after },
  ];
  if (!selection) return around({ kind: "embeddings", rows });
  // every setting selects from the same tokens
  const chosen = rows.slice();
  const positions = selectTokens(chosen, width, selection, importance, selection.random());
  const span = rows.length / width;
  return around({ kind: "embeddings", rows: chosen.subarray(0, selection.keep * width), positions, span });
}
