/** Chat templates of hostile files, and users' texts that look like markup. */
import assert from "node:assert/strict";
import { type ChatMessage, DEFAULT_TEMPLATE, renderChat } from "../../../sdk/text/template.ts";
import { orRefusalNow, type Target } from "../target.ts";
import { taken, Taker } from "../taker.ts";

const CHATML = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}" +
  "{% if m.content is string %}{{ m.content | trim }}{% else %}" +
  "{% for p in m.content %}{% if p.type == 'image' %}<image>{% else %}{{ p.text }}{% endif %}{% endfor %}{% endif %}" +
  "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
const CLEVER = "{% macro turn(m) -%}{{ m['role'].upper() }}: {%- set ns = namespace(n=0) -%}" +
  "{%- for p in m['content'] if p['type'] == 'text' -%}{%- set ns.n = ns.n + 1 -%}{{ p['text'] }}{%- endfor -%}" +
  "{%- endmacro -%}{% for m in messages[::-1] %}{{ turn(m) ~ loop.index0 % 2 }}{% if not loop.last %}, {% endif %}" +
  "{% else %}{{ raise_exception('none') }}{% endfor %}{{ strftime_now('%Y') if false else range(3) | join('-') }}";
const WORDS = ["{% for x in range(99999) %}", "{% endfor %}", "{{", "}}", "{%", "%}", "| tojson", "| join", "| length"]
  .concat(["{% if %}", "{% set x = messages %}", "loop.index", "| sort", "| replace('a', 'aa')", "x ~ x", "x * 99"])
  .concat(["| reverse", "| list", "| map(attribute='role')", "| selectattr('role')", "{% macro f() %}", "f()"]);

const ROLES = ["user", "assistant", "system"] as const;
/** What no template has, so that it must have come from a user. */
const CANARY = "\u{1f426}<image><|im_end|>";

function readMessages(taker: Taker): ChatMessage[] {
  return Array.from({ length: 1 + taker.below(3) }, () => {
    const role = taker.of(ROLES);
    const shape = taker.below(4);
    const text = CANARY + taker.text(64);
    if (shape === 0) return { role, content: text };
    const image = { type: "image" } as const;
    return { role, content: [{ type: "text", text }, ...(shape === 1 ? [] : [image]), { type: "text", text: "" }] };
  });
}

export const target: Target = {
  seeds: [
    taken(DEFAULT_TEMPLATE, 0, 0, 2, "What is it?"),
    taken(DEFAULT_TEMPLATE, 1, 0, 0, "a", 1, 0, "b"),
    taken(CHATML, 2, 2, 0, "s", 0, 3, " u ", 1, 0, "a"),
    taken(CHATML, 0, 0, 1, "parts"),
    taken(CLEVER, 1, 0, 1, "x", 1, 1, "y"),
  ],
  words: WORDS,
  maxBytes: 1024,
  run(input) {
    const taker = new Taker(input);
    const template = taker.text();
    const messages = readMessages(taker);
    const parts = orRefusalNow(() => renderChat(template, messages));
    if (!parts) return;
    const images = messages.flatMap(({ content }) => typeof content === "string" ? [] : content)
      .filter(({ type }) => type === "image");
    let found = 0;
    for (const part of parts) {
      if (part.type === "image") assert.equal(part.index, found++);
      if (part.type === "markup") {
        assert.ok(!part.text.includes("\u{1f426}") || template.includes("\u{1f426}"), "a user's text became markup");
        assert.ok(!part.text.includes("<image>"), "a picture's mark stayed text");
      }
    }
    assert.equal(found, images.length);
  },
};
