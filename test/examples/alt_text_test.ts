/** examples/alt-text: what it finds, what it leaves alone, and the command on a folder of pages, in a copy. */
import assert from "node:assert/strict";
import { filledPage } from "../../examples/alt-text/gap.ts";
import { gapsInHtml } from "../../examples/alt-text/html.ts";
import { gapsInMarkdown } from "../../examples/alt-text/markdown.ts";
import { pictureFile } from "../../examples/alt-text/picture.ts";
import { fromMarkdown } from "npm:mdast-util-from-markdown@2.1.0";
import { copyExample, deno, linkRepository, PHOTOS } from "./copy.ts";

type Reader = typeof gapsInMarkdown;

function filled(gapsIn: Reader, page: string, alt = "ALT"): string {
  return filledPage(page, gapsIn(page).map((gap) => [gap, alt]));
}

/** The alternative text of a page that is one image. */
function textOf(markdown: string): string | null | undefined {
  const [paragraph] = fromMarkdown(markdown).children;
  const image = paragraph?.type === "paragraph" ? paragraph.children[0] : undefined;
  return image?.type === "image" ? image.alt : undefined;
}

Deno.test("alt-text: HTML gets an alt after src, and not a byte beside it changes", () => {
  const page = "\ufeff<!DOCTYPE html>\r\n<P>é<IMG\r\n  SRC=\"a.jpg\" class=x><img src=b.jpg/><img src='c.jpg' />" +
    "<template><img src=d.jpg></template><noscript><img src=e.jpg></noscript>" +
    "<table><img src=f.jpg><tr><td><b><img src=g.jpg></table>";
  const alt = ' alt="ALT"';
  let expected = page;
  for (const src of ['"a.jpg"', "b.jpg/", "'c.jpg'", "d.jpg", "e.jpg", "f.jpg", "g.jpg"]) {
    expected = expected.replace(src, () => src + alt);
  }
  assert.equal(filled(gapsInHtml, page), expected);
  assert.deepEqual(gapsInHtml(expected), []);
});

Deno.test("alt-text: HTML with an alt, an empty one too, and what only looks like an image are left alone", () => {
  const page = '<img src=a.jpg alt=""><img alt src=b.jpg><img src=c.jpg ALT="x"><img><img src="">' +
    "<!-- <img src=d.jpg> --><script>'<img src=e.jpg>'</script><textarea><img src=f.jpg></textarea><p title='<img src=g.jpg>'>";
  assert.deepEqual(gapsInHtml(page), []);
});

Deno.test("alt-text: Markdown gets text between the brackets, and not a byte beside it changes", () => {
  const page =
    '\ufeff# é ![](a.jpg)\r\n\r\n[![ ](<b c.jpg> "title")](x)\t![][Ref]\r\n\r\n> ![](d.jpg)\r\n\r\n| a |\r\n|---|\r\n' +
    "| ![](e.jpg) |\r\n\r\n<img src=f.jpg>\r\n\r\na <img src='g.jpg'> b\r\n\r\n[ref]: h.jpg\r\n";
  const expected = page.replaceAll("![]", "![ALT]").replace("![ ]", "![ALT]").replace("f.jpg", 'f.jpg alt="ALT"')
    .replace("'g.jpg'", `'g.jpg' alt="ALT"`);
  assert.equal(filled(gapsInMarkdown, page), expected);
  assert.deepEqual(gapsInMarkdown(page).map(({ src }) => src), [
    ...["a.jpg", "b c.jpg", "h.jpg", "d.jpg", "e.jpg", "f.jpg", "g.jpg"],
  ]);
  assert.deepEqual(gapsInMarkdown(expected), []);
});

Deno.test("alt-text: Markdown with a text, code, and references to nothing are left alone", () => {
  const page = "![a](a.jpg) `![](b.jpg)` \\![](c.jpg) ![][none] ![ref][] ![![](d.jpg)](e.jpg)\n\n" +
    "```\n![](f.jpg)\n```\n\n    ![](g.jpg)\n\n<!-- ![](h.jpg) -->\n\n[ref]: i.jpg\n";
  // of an image within an image the inner one is a part of the outer one's text
  assert.deepEqual(gapsInMarkdown(page), []);
});

Deno.test("alt-text: a text is text in both languages, whatever is in it", () => {
  const alt = 'a "b" & <c> *d* [e](f) `g` \\h | i ![j](k) &amp; _l_ ~~m~~ ]';
  assert.equal(
    filled(gapsInHtml, "<img src=a.jpg>", alt),
    `<img src=a.jpg alt="${alt.replaceAll("&", "&amp;").replaceAll('"', "&quot;")}">`,
  );
  const markdown = filled(gapsInMarkdown, "![](a.jpg)", alt);
  assert.deepEqual(gapsInMarkdown(markdown), []);
  assert.equal(textOf(markdown), alt);
});

Deno.test("alt-text: pictures are files of the folder; an address that begins with / is in it; hosts are elsewhere", () => {
  const of = (src: string) => pictureFile(src, "/site/docs/a.md", "/site");
  assert.equal(of("../b%20c.jpg?x=1#y"), "/site/b c.jpg");
  assert.equal(of("/img/d.jpg"), "/site/img/d.jpg");
  for (const src of ["https://x.example/a.jpg", "//x.example/a.jpg", "data:image/png;base64,AA=="]) {
    assert.equal(of(src), undefined, src);
  }
  for (const src of ["../../e.jpg", "/../e.jpg", "file:///etc/passwd"]) {
    assert.throws(() => of(src), { name: "AltTextError", code: "picture_outside" }, src);
  }
});

Deno.test("alt-text: the command lists, writes when it is told to, goes on after what fails, and does nothing twice", async () => {
  await using copy = await copyExample("alt-text");
  await linkRepository(copy);
  const site = `${copy.root}/site`;
  await Deno.mkdir(`${site}/pages/node_modules`, { recursive: true });
  await Deno.copyFile(`${PHOTOS}/dogs_at_window.jpg`, `${site}/dogs.jpg`);
  await Deno.writeTextFile(`${site}/text.jpg`, "no picture");
  const html =
    '<p>é</p>\r\n<img src="dogs.jpg">\r\n<img src="none.jpg"><img src="text.jpg"><img src="//x.example/a.jpg">\r\n';
  const markdown = "![](../dogs.jpg)\n![decoration](/dogs.jpg)\n";
  const latin1 = new Uint8Array([0xe9, ...new TextEncoder().encode("<img src=dogs.jpg>")]);
  await Deno.writeTextFile(`${site}/index.html`, html);
  await Deno.writeTextFile(`${site}/pages/a.md`, markdown);
  await Deno.writeTextFile(`${site}/pages/node_modules/a.md`, markdown);
  await Deno.writeFile(`${site}/latin1.htm`, latin1);
  const command = ["run", "--quiet", "--allow-read", "--allow-write", `${copy.folder}/main.ts`];

  const listed = await deno(site, ...command, ".");
  assert.equal(listed.code, 1, listed.stderr);
  const alt = /^\+!\[(.*\bdog\b.*)\]\(\.\.\/dogs\.jpg\)$/m.exec(listed.stdout)?.[1];
  assert.ok(alt !== undefined, listed.stdout);
  assert.equal(
    listed.stdout,
    `index.html:2\n-<img src="dogs.jpg">\n+<img src="dogs.jpg" alt="${alt}">\n` +
      `pages/a.md:1\n-![](../dogs.jpg)\n+![${alt}](../dogs.jpg)\n`,
  );
  assert.match(listed.stderr, /^latin1\.htm: page_encoding: .*\nindex\.html:3: picture_missing: .*none\.jpg.*\n/);
  assert.match(
    listed.stderr,
    /\nindex\.html:3: image_invalid: .*\n2 alternative texts to be written with --write, 3 failures\n$/,
  );
  assert.equal(await Deno.readTextFile(`${site}/index.html`), html, "a list changes nothing");

  const written = await deno(site, ...command, ".", "--write");
  assert.deepEqual([written.code, written.stdout], [1, listed.stdout]);
  const after = async () =>
    await Promise.all(["index.html", "pages/a.md"].map((file) => Deno.readTextFile(`${site}/${file}`)));
  const expected = [
    html.replace('"dogs.jpg"', `"dogs.jpg" alt="${alt}"`),
    markdown.replace("![](../dogs.jpg)", `![${alt}](../dogs.jpg)`),
  ];
  assert.deepEqual(await after(), expected);
  assert.equal(await Deno.readTextFile(`${site}/pages/node_modules/a.md`), markdown);
  assert.deepEqual(await Deno.readFile(`${site}/latin1.htm`), latin1);

  await Deno.remove(`${site}/latin1.htm`);
  await Deno.writeTextFile(`${site}/index.html`, expected[0]!.replace(/<img src="(none|text)\.jpg">/g, ""));
  const before = await after();
  const again = await deno(site, ...command, ".", "--write");
  assert.deepEqual([again.code, again.stdout], [0, ""], again.stderr);
  assert.deepEqual(await after(), before);
});

Deno.test("alt-text: the command says what is wrong with it", async () => {
  await using copy = await copyExample("alt-text");
  await linkRepository(copy);
  const site = `${copy.root}/site`;
  await Deno.mkdir(site);
  await Deno.writeTextFile(`${site}/a.md`, "![](a.jpg)");
  const run = (...args: string[]) =>
    deno(site, "run", "--quiet", "--allow-read", "--allow-write", `${copy.folder}/main.ts`, ...args);
  for (const args of [[], [".", "--no-such-option"], [".", "another"]]) {
    const { code, stderr } = await run(...args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /usage: /);
  }
  const model = await run(".", "--model", ".");
  assert.deepEqual([model.code, model.stdout], [1, ""]);
  assert.match(model.stderr, /^alt-text: model_missing: /);
});
