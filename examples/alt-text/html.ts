import { type DefaultTreeAdapterTypes, parse } from "parse5";
import type { Gap } from "./gap.ts";

type Node = DefaultTreeAdapterTypes.Node;

/**
 * `<img>` without an `alt`. An empty one says that the picture is decoration: it is no gap.
 *
 * @param offset Of the text in its page, where it is only a part of it.
 */
export function gapsInHtml(html: string, offset = 0): Gap[] {
  const gaps: Gap[] = [];
  const visit = (node: Node) => {
    if (node.nodeName === "img" && "attrs" in node) {
      const src = node.attrs.find(({ name }) => name === "src")?.value.trim();
      const place = node.sourceCodeLocation;
      const written = place?.attrs?.src;
      if (src && place && written && !node.attrs.some(({ name }) => name === "alt")) {
        const [from, to] = [offset + written.endOffset, offset + written.endOffset];
        gaps.push({
          src,
          start: offset + place.startOffset,
          end: offset + place.endOffset,
          from,
          to,
          written: attribute,
        });
      }
    }
    if ("content" in node) visit(node.content);
    if ("childNodes" in node) node.childNodes.forEach(visit);
  };
  // where scripts run, what is in a <noscript> would be text
  visit(parse(html, { sourceCodeLocationInfo: true, scriptingEnabled: false }));
  return gaps;
}

function attribute(alt: string): string {
  return ` alt="${alt.replaceAll("&", "&amp;").replaceAll('"', "&quot;")}"`;
}
