import { Refusal } from "./service.ts";

/** Codes of the service whose own message is for programs. */
const SENTENCES: Readonly<Record<string, string>> = {
  missing_api_key: "This service asks for an API key. Enter it above, then ask again.",
  invalid_api_key: "The service does not know this API key. Enter another one above, then ask again.",
  context_length_exceeded: "The conversation is longer than the model can take. Choose a photo to begin a new one.",
  body_too_large: "This photo is too large for the service. Try a smaller one.",
  image_too_large: "This photo is too large for the service. Try a smaller one.",
  image_unsupported: "The service cannot read this kind of picture. JPEG, PNG, WebP, GIF and BMP work.",
  image_invalid: "This picture is damaged, or is no picture. Try another one.",
  model_unavailable: "The model could not be loaded. Try again in a moment.",
  shutting_down: "The service is being stopped. Try again in a moment.",
  timeout: "The answer took too long, so the service ended it. Try again, or ask something shorter.",
  internal_error: "Something went wrong in the service. Its operator finds the reason in its log.",
};

/** Whether another key is what it takes. */
export function wantsKey(error: unknown): boolean {
  return error instanceof Refusal && /_api_key$/.test(error.code);
}

/** An error in words for whoever sees the page. */
export function inWords(error: unknown): string {
  if (!(error instanceof Refusal)) {
    // fetch says no more than TypeError of whatever happens on the way
    if (error instanceof TypeError) return "The service cannot be reached, or the connection broke. Try again.";
    return `Something went wrong in this page: ${error instanceof Error ? error.message : error}`;
  }
  const { code, message, retryAfterS } = error;
  if (code === "too_many_requests") {
    return `The service is busy. Try again in ${retryAfterS === 1 ? "a second" : `${retryAfterS ?? "some"} seconds`}.`;
  }
  return SENTENCES[code] ?? `The service refused: ${message}.`;
}
