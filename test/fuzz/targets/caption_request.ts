/** Bodies of `POST /caption` in their three forms. */
import assert from "node:assert/strict";
import { parseCaption } from "../../../src/service/caption_request.ts";
import { checkedOptions } from "../../../src/service/options.ts";
import { bytesOf, orRefusal, type Target } from "../target.ts";
import { Taker } from "../taker.ts";

const BOUNDARY = "fuzz";
const TYPES = ["application/json", `multipart/form-data; boundary=${BOUNDARY}`, "image/png", "text/plain"];
const QUERY = /^[\x20-\x7e]{0,60}$/;
const settings = checkedOptions({ maxImageBytes: 64 });
const never = new AbortController().signal;

function form(...fields: readonly (readonly [head: string, value: string])[]): string {
  const parts = fields.map(([head, value]) =>
    `--${BOUNDARY}\r\nContent-Disposition: form-data; ${head}\r\n\r\n${value}\r\n`
  );
  return `${parts.join("")}--${BOUNDARY}--\r\n`;
}

const seed = (type: number, query: string, body: string) =>
  Uint8Array.of(type, ...bytesOf(query), 0xff, ...bytesOf(body));

export const target: Target = {
  seeds: [
    seed(0, "", '{"image":[1,2,3],"prompt":"What?","max_tokens":5}'),
    seed(0, "", '{"image":"data:;base64,QUJD","temperature":0.5,"top_p":0,"seed":-1}'),
    seed(0, "", '{"image":"abc"}'),
    seed(1, "", form(['name="image"; filename="a.png"', "QUJD"], ['name="prompt"', "What?"], ['name="seed"', "7"])),
    seed(2, "prompt=a%20b&max_tokens=3&temperature=x", "QUJD"),
    seed(3, "", "x"),
  ],
  words: ['"image"', '"prompt"', "max_tokens", "temperature", "top_p", "seed", 'name="image"', "filename=", "\r\n\r\n"]
    .concat([`--${BOUNDARY}`, "Content-Type: image/png", "data:;base64,", "https://a/", "1e999", "NaN", "0x10"]),
  maxBytes: 512,
  async run(input) {
    const taker = new Taker(input);
    const type = taker.of(TYPES);
    const query = taker.text(60);
    const url = `http://localhost/caption${QUERY.test(query) ? `?${query}` : ""}`;
    const request = new Request(url, { method: "POST", headers: { "content-type": type } });
    // the body's memory is given back when it is read
    const parsed = await orRefusal(() => parseCaption(request, taker.rest().slice(), settings, never));
    if (!parsed) return;
    const { image, options: { seed, maxTokens, temperature } } = parsed;
    assert.ok(image.length > 0 && image.length <= settings.maxImageBytes);
    assert.ok(seed === undefined || (Number.isSafeInteger(seed) && seed >= 0));
    assert.ok(maxTokens === undefined || (Number.isSafeInteger(maxTokens) && maxTokens >= 1));
    assert.ok(temperature === undefined || (temperature >= 0 && temperature <= 100));
  },
};
