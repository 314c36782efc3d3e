import * as v from "valibot";

/** A model in OpenAI's form, and what goes in and out of it. */
export const modelObject = v.object({
  id: v.string(),
  object: v.literal("model"),
  created: v.pipe(v.number(), v.description("When the service was first asked, in seconds since 1970.")),
  owned_by: v.string(),
  input_modalities: v.array(v.picklist(["text", "image"])),
  output_modalities: v.array(v.literal("text")),
});

export const modelList = v.object({ object: v.literal("list"), data: v.array(modelObject) });

/** @param created Seconds since 1970. */
export function describeModel(id: string, created: number): v.InferOutput<typeof modelObject> {
  return {
    ...{ id, object: "model", created, owned_by: "loris" },
    input_modalities: ["text", "image"],
    output_modalities: ["text"],
  };
}
