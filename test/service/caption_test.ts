/** `POST /caption` in its forms: the picture itself, a form, Workers AI's JSON. */
import assert from "node:assert/strict";
import * as v from "valibot";
import { captionRequest, captionResponse } from "../../src/service/caption_schema.ts";
import { usage } from "../../src/service/chat_schema.ts";
import { DOGS, open } from "../sdk/model.ts";
import { base64, DOGS_URL, errorOf, type Json, TestApp } from "./app.ts";

const captioner = await open({ contextTokens: 512 });
const app = new TestApp(captioner);
const DOGS_TEXT = (await captioner.caption(DOGS).result).text.trim();
const binary = Array.from(DOGS, (byte) => String.fromCharCode(byte)).join("");

async function raw(path: string, body: BodyInit, type: string): Promise<Response> {
  return await app.app.request(path, { method: "POST", body, headers: { "content-type": type } });
}

async function form(fields: Record<string, string | Blob>): Promise<Response> {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  return await app.app.request("/caption", { method: "POST", body });
}

async function description(response: Response): Promise<string> {
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return v.parse(v.strictObject(captionResponse.entries), body).description;
}

Deno.test("caption: the picture itself, with usage and times in headers", async () => {
  const response = await raw("/caption", DOGS, "image/jpeg");
  const told = v.parse(usage, JSON.parse(response.headers.get("x-usage")!));
  assert.equal(told.prompt_tokens_details.image_tokens, 64);
  assert.match(
    response.headers.get("server-timing")!,
    /^decode_image;dur=[\d.]+, vision;dur=[\d.]+, prefill;dur=[\d.]+, decode;dur=[\d.]+$/,
  );
  assert.equal(await description(response), DOGS_TEXT);
});

Deno.test("caption: every form of the same picture gets the same description", async () => {
  const answers = [
    raw("/caption", DOGS, "application/octet-stream"),
    raw("/caption", DOGS, "image/*"),
    form({ image: new File([DOGS], "dogs.jpg", { type: "image/jpeg" }) }),
    app.post("/caption", { image: Array.from(DOGS) }),
    app.post("/caption", { image: binary }),
    app.post("/caption", { image: DOGS_URL }),
    app.post("/caption", { image: DOGS_URL }, { headers: { "content-type": "Application/JSON; charset=utf-8" } }),
  ];
  for (const answer of answers) assert.equal(await description(await answer), DOGS_TEXT);
});

Deno.test("caption: prompt, max_tokens and sampling in the query, in fields and in JSON", async () => {
  const options = { prompt: "Is there a dog in this image?", max_tokens: 3, temperature: 1.2, top_p: 0.9, seed: 4 };
  const texts = Object.fromEntries(Object.entries(options).map(([name, value]) => [name, String(value)]));
  const { prompt, ...sampling } = { ...options, maxTokens: options.max_tokens, topP: options.top_p };
  const want = (await captioner.caption(DOGS, { prompt, ...sampling }).result).text.trim();
  const answers = [
    raw(`/caption?${new URLSearchParams(texts)}`, DOGS, "image/jpeg"),
    form({ image: new Blob([DOGS]), ...texts }),
    app.post("/caption", { image: DOGS_URL, ...options }),
  ];
  for (const answer of answers) {
    const response = await answer;
    assert.equal(JSON.parse(response.headers.get("x-usage")!).completion_tokens, 3);
    assert.equal(await description(response), want);
  }
});

Deno.test("caption: what is wrong is named", async () => {
  const json: [Json, number, string, string | null][] = [
    [{}, 400, "missing_required_parameter", "image"],
    [{ image: [] }, 400, "invalid_value", "image"],
    [{ image: [1, 256] }, 400, "invalid_value", "image"],
    [{ image: [1.5] }, 400, "invalid_value", "image"],
    [{ image: "\u0100" }, 400, "invalid_value", "image"],
    [{ image: { url: "x" } }, 400, "invalid_value", "image"],
    [{ image: "https://example.com/a.jpg" }, 400, "remote_image_refused", "image"],
    [{ image: "data:image/png;base64,@" }, 400, "image_invalid", "image"],
    [{ image: base64(DOGS) }, 400, "image_invalid", null],
    [{ image: DOGS_URL, prompt: "" }, 400, "invalid_value", "prompt"],
    [{ image: DOGS_URL, max_tokens: "5" }, 400, "invalid_value", "max_tokens"],
    [{ image: DOGS_URL, temperature: 101 }, 400, "invalid_value", "temperature"],
  ];
  for (const [body, status, code, param] of json) {
    await errorOf(await app.post("/caption", body), status, code, param);
  }
  for (const [name, value] of [["max_tokens", "many"], ["max_tokens", "0"], ["temperature", "-1"], ["seed", "1.5"]]) {
    await errorOf(await raw(`/caption?${name}=${value}`, DOGS, "image/jpeg"), 400, "invalid_value", name);
    await errorOf(await form({ image: new Blob([DOGS]), [name!]: value! }), 400, "invalid_value", name);
  }
  await errorOf(await form({ picture: new Blob([DOGS]) }), 400, "missing_required_parameter", "image");
  await errorOf(await form({ image: "a text" }), 400, "missing_required_parameter", "image");
  await errorOf(await raw("/caption", "no form", "multipart/form-data; boundary=x"), 400, "invalid_form");
  await errorOf(await raw("/caption", "no form", "multipart/form-data"), 400, "invalid_form");
  await errorOf(await raw("/caption", "text", "text/plain"), 415, "unsupported_media_type");
  await errorOf(await raw("/caption", "{", "application/json"), 400, "invalid_json");
  await errorOf(await raw("/caption", new Uint8Array(0), "image/jpeg"), 400, "image_invalid");
  await errorOf(await raw("/caption", "GIF89a", "image/gif"), 400, "image_invalid");
});

Deno.test("caption: a list of bytes costs no more than the numbers themselves, and is bounded as a picture is", async () => {
  // a schema makes objects of each value
  let validations = 0;
  const item: Json = captionRequest.entries.image.options[0].pipe[0].item;
  const { "~run": run } = item;
  item["~run"] = (...args: unknown[]) => {
    validations++;
    return run.apply(item, args);
  };
  try {
    await errorOf(await app.post("/caption", `{"image":[${"0,".repeat(5000)}0]}`), 400, "image_invalid");
  } finally {
    item["~run"] = run;
  }
  assert.equal(validations, 0);
  const few = new TestApp(captioner, { maxImageBytes: 1000 });
  await errorOf(await few.post("/caption", { image: Array(1001).fill(0) }), 413, "image_too_large", "image");
});

Deno.test("caption: a picture or a body over its limit is refused with 413, announced or not", async () => {
  const few = new TestApp(captioner, { maxImageBytes: 1000, maxBodyBytes: 50_000 });
  const send = (body: BodyInit, headers: Record<string, string> = {}) =>
    few.app.request("/caption", { method: "POST", body, headers: { "content-type": "image/jpeg", ...headers } });
  await errorOf(await send(DOGS.subarray(0, 1001)), 413, "image_too_large");
  let pulled = 0;
  const endless = new ReadableStream({
    pull(controller) {
      pulled++;
      controller.enqueue(new Uint8Array(10_000));
    },
  });
  await errorOf(await send(endless), 413, "body_too_large");
  assert.ok(pulled < 12, `${pulled} chunks were taken`);
  const { message } = await errorOf(await send("x", { "content-length": "50001" }), 413, "body_too_large");
  assert.match(message, /50001 bytes/);
  const broken = new ReadableStream({
    pull(controller) {
      controller.error(new Error("cable cut"));
    },
  });
  await errorOf(await send(broken), 400, "body_incomplete");
  assert.match(await (await few.get("/metrics")).text(), /loris_held_bytes 0\n/);
});
