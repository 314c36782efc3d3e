import { fromMarkdown } from "mdast-util-from-markdown";
import { visit } from "unist-util-visit";
import type { Gap } from "./gap.ts";
import { gapsInHtml } from "./html.ts";

/** Images with nothing between their brackets, `![](x.jpg)` and `![][name]`, and gaps in a page's HTML. */
export function gapsInMarkdown(markdown: string): Gap[] {
  const tree = fromMarkdown(markdown);
  // of two with one name the first counts
  const urls = new Map<string, string>();
  visit(tree, "definition", ({ identifier, url }) => void (urls.has(identifier) || urls.set(identifier, url)));
  // the parser takes a byte order mark away before it counts
  const mark = markdown.startsWith("\ufeff") ? 1 : 0;
  const gaps: Gap[] = [];
  visit(tree, (node) => {
    if (node.type !== "html" && node.type !== "image" && node.type !== "imageReference") return;
    const [start, end] = [node.position!.start.offset! + mark, node.position!.end.offset! + mark];
    const text = markdown.slice(start, end);
    if (node.type === "html") return void gaps.push(...gapsInHtml(text, start));
    const src = node.type === "image" ? node.url : urls.get(node.identifier);
    // an image within the brackets of an image has no text either, but something is there
    const brackets = /^!\[\s*\]/.exec(text)?.[0];
    if (!src || !brackets) return;
    gaps.push({ src, start, end, from: start + 2, to: start + brackets.length - 1, written: escaped });
  });
  return gaps;
}

/** Nothing in it is markup then: any ASCII punctuation may be escaped. */
function escaped(alt: string): string {
  return alt.replace(/[\\`*_[\]<>&|~!$]/g, "\\$&");
}
