import assert from "node:assert/strict";
import { shaderText } from "../../sdk/backend/webgpu/shader_text.ts";

const lines = (...text: string[]) => text.join("\n");

Deno.test("shaderText() keeps what the flags of a variant ask for", () => {
  const source = lines("a", "#if FAR", "b", "#else", "c", "#endif", "#if !FAR", "d", "#endif", "e");
  assert.equal(shaderText(source, { FAR: true }), lines("a", "b", "e"));
  assert.equal(shaderText(source, { FAR: false }), lines("a", "c", "d", "e"));
  assert.equal(shaderText(source, {}), lines("a", "c", "d", "e"));
});

Deno.test("shaderText() makes constants of numbers, whose 0 is no flag", () => {
  const source = lines("#if WIDTH", "a", "#else", "b", "#endif");
  assert.equal(shaderText(source, { WIDTH: 64 }), lines("const WIDTH: u32 = 64u;", "a"));
  assert.equal(shaderText(source, { WIDTH: 0, FAR: true }), lines("const WIDTH: u32 = 0u;", "b"));
});

Deno.test("shaderText() nests conditions: what is dropped stays dropped, whatever is asked inside of it", () => {
  const source = lines(
    ...["#if A", "  #if B", "ab", "  #else", "a", "  #endif", "#else", "  #if B", "b"],
    ...["  #else", "none", "  #endif", "#endif", "end"],
  );
  assert.equal(shaderText(source, { A: true, B: true }), lines("ab", "end"));
  assert.equal(shaderText(source, { A: true }), lines("a", "end"));
  assert.equal(shaderText(source, { B: true }), lines("b", "end"));
  assert.equal(shaderText(source, {}), lines("none", "end"));
});

Deno.test("shaderText() puts what enables parts of the language before everything else", () => {
  const source = lines(
    "fn f() {}",
    "#if HALF",
    "enable f16;",
    "#endif",
    "requires readonly_and_readwrite_storage_textures;",
  );
  assert.equal(
    shaderText(source, { HALF: true, WIDTH: 32 }),
    lines(
      "enable f16;",
      "requires readonly_and_readwrite_storage_textures;",
      "const WIDTH: u32 = 32u;",
      "fn f() {}",
    ),
  );
  assert.ok(!shaderText(source, { WIDTH: 32 }).includes("f16"));
});

for (
  const [what, source, message] of [
    ["an #else without its #if", lines("a", "#else", "b"), /"#else"/],
    ["an #endif too many", lines("#if A", "#endif", "#endif"), /"#endif"/],
    ["an #if without its end", lines("#if A", "a"), /#endif/],
    ["an #if inside that takes the end of the one around it", lines("#if A", "#if B", "#endif"), /#endif/],
    ["a word that it does not know", "#elif A", /"#elif A"/],
    ["an import that was not resolved", "#import grid", /"#import grid"/],
  ] as const
) {
  Deno.test(`shaderText() refuses ${what}`, () => {
    assert.throws(() => shaderText(source, { A: true, B: true }), { name: "SyntaxError", message });
  });
}
