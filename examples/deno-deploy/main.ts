/** The captioning service on Deno Deploy: OpenAI's API, `POST /caption` and a page, with the model in `model/` beside it. */
import { load } from "loris";
import { createApp } from "loris/service";
import { fileSource } from "loris/sources/file";

// as the isolate starts, not by its first request: Deploy holds requests back until the server listens, and starts each new
// deployment once before it gets any, so that a model that is missing or too large fails there, not at a user's
const captioner = await load({
  text: fileSource(`${import.meta.dirname}/model/text.gguf`),
  vision: fileSource(`${import.meta.dirname}/model/vision.gguf`),
  // of the 512 MB that an isolate has; bodies and the engine come on top
  memoryBudget: 128 * 2 ** 20,
  conversations: 4,
});

const apiKeys = Deno.env.get("LORIS_API_KEYS")?.split(",").map((key) => key.trim());
Deno.serve(createApp(captioner, apiKeys ? { apiKeys } : {}).fetch);
