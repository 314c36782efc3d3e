import assert from "node:assert/strict";
import { Placeholders } from "../../sdk/text/placeholders.ts";
import { DEFAULT_TEMPLATE, renderChat } from "../../sdk/text/template.ts";

Deno.test("placeholders are found with what a template has trimmed, and each has its own spaces", () => {
  const places = new Placeholders("");
  const [first, second] = [places.make("a"), places.make("b")];
  assert.deepEqual(places.texts, ["a", "b"]);
  const at = (rendered: string) =>
    Array.from(places.placesIn(rendered), (place) => [
      rendered.slice(0, place.start),
      rendered.slice(place.end),
      ...[place.index, place.trimmedStart, place.trimmedEnd],
    ]);
  assert.deepEqual(at(`<${first}>`), [["<", ">", 0, false, false]]);
  assert.deepEqual(at(`<${second.trim()}>`), [["<", ">", 1, true, true]]);
  assert.deepEqual(at(`<${first.trimEnd()}>`), [["<", ">", 0, false, true]]);
  // what stands between two is the first one's
  const [bare, open] = [second.trimStart(), second.slice(0, -second.trimStart().length)];
  assert.deepEqual(at(`${first.trimEnd()}${second}`), [["", bare, 0, false, false], [
    first.trimEnd() + open,
    ...["", 1, true, false],
  ]]);
});

Deno.test("placeholders that a template has changed are none, the next one is found", () => {
  const places = new Placeholders("");
  const [first, second] = [places.make("a"), places.make("b")];
  const found = (rendered: string) => Array.from(places.placesIn(rendered), ({ index }) => index);
  assert.deepEqual(found(first.replace(/\d\uE001/, "x\uE001") + second), [1]);
  assert.deepEqual(found(first.slice(0, first.indexOf("\uE001"))), []);
  assert.deepEqual(found("no placeholder"), []);
  assert.equal(places.make(""), "");
});

Deno.test("a conversation is rendered without a regular expression of its own, which engines would keep", () => {
  const render = () => renderChat(DEFAULT_TEMPLATE, [{ role: "user", content: "Hello" }]);
  // parses the template
  const want = render();
  const Original = globalThis.RegExp;
  let made = 0;
  globalThis.RegExp = new Proxy(Original, {
    construct(target, args) {
      made++;
      return new target(...args as [string, string]);
    },
  });
  try {
    assert.deepEqual(render(), want);
    new RegExp("seen");
  } finally {
    globalThis.RegExp = Original;
  }
  assert.equal(made, 1);
});
