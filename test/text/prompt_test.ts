import assert from "node:assert/strict";
import { buildPrompt, imageMarkup } from "../../sdk/text/prompt.ts";
import { type ChatMessage, DEFAULT_TEMPLATE } from "../../sdk/text/template.ts";
import { Tokenizer } from "../../sdk/text/tokenizer.ts";
import { nanoTokenizerData } from "./nano.ts";
import { tinyData } from "./tiny.ts";

const nano = await nanoTokenizerData();
const FAKE = "<fake_token_around_image>";
const question = (
  text: string,
): ChatMessage[] => [{ role: "user", content: [{ type: "image" }, { type: "text", text }] }];

Deno.test({
  name: "buildPrompt() gives the ids of the prompt as the model's card writes it",
  ignore: nano === undefined,
  fn() {
    const tokenizer = new Tokenizer(nano!);
    const layouts = [{ rows: 0, cols: 0, tokensPerTile: 64 }];
    const prompt = buildPrompt(tokenizer, nano!.chatTemplate!, question("Describe this image."), layouts);
    const card = `<|im_start|>User:${FAKE}<global-img>${"<image>".repeat(64)}${FAKE}` +
      "Describe this image.<end_of_utterance>\nAssistant:";
    assert.deepEqual([...prompt.ids], tokenizer.encodeMarkup(card));
    const start = prompt.ids.indexOf(tokenizer.idOf("<image>")!);
    assert.deepEqual(prompt.imagePositions, [{ start, length: 64, image: 0, tile: 0 }]);
    assert.equal(prompt.ids.filter((id) => id === tokenizer.idOf("<image>")).length, 64);
  },
});

Deno.test({
  name: "buildPrompt() of text alone gives the ids of the whole as one text, a word over the border included",
  ignore: nano === undefined,
  fn() {
    const tokenizer = new Tokenizer(nano!);
    const { ids, imagePositions } = buildPrompt(tokenizer, DEFAULT_TEMPLATE, [{ role: "user", content: "Hello" }], []);
    assert.deepEqual([...ids], tokenizer.encodeMarkup("<|im_start|>User: Hello<end_of_utterance>\nAssistant:"));
    assert.deepEqual(imagePositions, []);
    const apart = ["<|im_start|>User: ", "Hello", "<end_of_utterance>\nAssistant:"].map((t) =>
      tokenizer.encodeMarkup(t)
    );
    assert.notDeepEqual([...ids], apart.flat(), "the border must matter for this text, or the test shows nothing");
  },
});

Deno.test("imageMarkup() of the overview alone", () => {
  const markup = imageMarkup({ rows: 0, cols: 0, tokensPerTile: 2 });
  assert.equal(markup, `${FAKE}<global-img><image><image>${FAKE}`);
});

Deno.test("imageMarkup() of two rows of three tiles", () => {
  const tile = (row: number, col: number) => `${FAKE}<row_${row}_col_${col}><image>`;
  assert.equal(
    imageMarkup({ rows: 2, cols: 3, tokensPerTile: 1 }),
    `${tile(1, 1)}${tile(1, 2)}${tile(1, 3)}\n${tile(2, 1)}${tile(2, 2)}${
      tile(2, 3)
    }\n\n${FAKE}<global-img><image>${FAKE}`,
  );
});

Deno.test("buildPrompt() names the place, the picture and the tile of every run of image tokens", () => {
  const tokenizer = new Tokenizer(tinyData());
  const layouts = [{ rows: 1, cols: 2, tokensPerTile: 3 }, { rows: 0, cols: 0, tokensPerTile: 2 }];
  const messages: ChatMessage[] = [
    { role: "user", content: [{ type: "image" }, { type: "text", text: "ab <image>" }, { type: "image" }] },
  ];
  const { ids, imagePositions } = buildPrompt(tokenizer, DEFAULT_TEMPLATE, messages, layouts);
  const id = tokenizer.idOf("<image>")!;
  assert.deepEqual(imagePositions.map(({ image, tile, length }) => [image, tile, length]), [
    [0, 0, 3],
    [0, 1, 3],
    [0, 2, 3],
    [1, 0, 2],
  ]);
  const covered = imagePositions.flatMap(({ start, length }) => Array.from({ length }, (_, i) => start + i));
  assert.deepEqual(covered, [...ids.keys()].filter((i) => ids[i] === id));
  const before = imagePositions.map(({ start }) => tinyData().tokens[ids[start - 1]!]);
  assert.deepEqual(before, ["<row_1_col_1>", "<row_1_col_2>", "<global-img>", "<global-img>"]);
});

Deno.test("buildPrompt() begins with the first token if the file asks for it, once", () => {
  const data = tinyData();
  const bosId = data.tokens.indexOf("<|im_start|>");
  const build = (
    addBos: boolean,
    bosId: number,
  ) => [
    ...buildPrompt(new Tokenizer({ ...data, addBos, bosId }), DEFAULT_TEMPLATE, [{ role: "user", content: "b" }], [])
      .ids,
  ];
  const plain = build(false, bosId);
  assert.equal(plain[0], bosId);
  assert.deepEqual(build(true, bosId), plain);
  assert.deepEqual(build(true, 0), [0, ...plain]);
});

Deno.test("buildPrompt() refuses a tile that the vocabulary has no mark for", () => {
  const tokenizer = new Tokenizer(tinyData());
  assert.throws(
    () => buildPrompt(tokenizer, DEFAULT_TEMPLATE, question("a"), [{ rows: 2, cols: 1, tokensPerTile: 1 }]),
    { code: "file_unsupported", message: /<row_2_col_1>/ },
  );
});

Deno.test("buildPrompt() refuses a picture in a vocabulary without image tokens", () => {
  const data = tinyData();
  const tokens = data.tokens.map((token) => token === "<image>" ? "<picture>" : token);
  assert.throws(
    () =>
      buildPrompt(new Tokenizer({ ...data, tokens }), DEFAULT_TEMPLATE, question("a"), [
        { rows: 0, cols: 0, tokensPerTile: 1 },
      ]),
    { code: "file_unsupported", message: /no token <image>/ },
  );
});

Deno.test("buildPrompt() refuses layouts that do not fit the pictures, or are none", () => {
  const tokenizer = new Tokenizer(tinyData());
  const layouts = [[], [[0, 0, 1], [0, 0, 1]], [[1, 0, 1]], [[-1, -1, 1]], [[0, 0, 0]], [[0.5, 1, 1]], [[1e9, 1e9, 1]]];
  for (const list of layouts) {
    const given = list.map(([rows, cols, tokensPerTile]) => ({
      rows: rows!,
      cols: cols!,
      tokensPerTile: tokensPerTile!,
    }));
    assert.throws(() => buildPrompt(tokenizer, DEFAULT_TEMPLATE, question("a"), given), {
      code: "argument_invalid",
      param: "imageLayouts",
    });
  }
});
