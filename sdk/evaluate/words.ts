/** Words of a caption as the caption metrics count them: lower case, each punctuation mark a space. */
export function captionWords(caption: string): string[] {
  const plain = caption.toLowerCase().replace(/[^\p{L}\p{M}\p{N}\s]/gu, " ");
  return plain.split(/\s+/).filter((word) => word !== "");
}

/** Separates words in an n-gram's key; `captionWords` gives no word with a space in it. */
const GLUE = " ";

/** How often each run of `n` words occurs. */
export function nGramCounts(words: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= words.length; i++) {
    const key = words.slice(i, i + n).join(GLUE);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
