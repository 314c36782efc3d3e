import * as v from "valibot";
import { samplingEntries } from "./chat_schema.ts";

/** What `POST /caption` takes besides the picture: in the query, in a form's fields, or in Workers AI's JSON. */
export const captionOptions = v.object({
  prompt: v.nullish(
    v.pipe(v.string(), v.minLength(1), v.description("The question; a caption is asked for by default.")),
  ),
  ...samplingEntries,
});

export const captionRequest = v.object({
  ...captionOptions.entries,
  image: v.union([
    v.pipe(
      v.array(v.number()),
      v.minLength(1),
      v.description("The picture's bytes as numbers, as Workers AI takes them."),
    ),
    v.pipe(v.string(), v.minLength(1), v.description("A data: URL, or one character a byte.")),
  ]),
});

export const captionForm = v.object({
  ...captionOptions.entries,
  image: v.pipe(v.string(), v.metadata({ format: "binary" }), v.description("The picture's file.")),
});

export const captionResponse = v.object({ description: v.string() });

export type CaptionFields = v.InferOutput<typeof captionOptions>;
