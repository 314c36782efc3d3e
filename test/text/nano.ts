import { openGguf } from "../../sdk/gguf/gguf.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { type TokenizerData, tokenizerData } from "../../sdk/text/vocabulary.ts";
import { hasShared, shared } from "../shared.ts";

const NAME = "models/nano/nano-text-q4_0.gguf";
const inRepository = new URL(`../../${NAME}`, import.meta.url);

function location(): URL | undefined {
  try {
    Deno.statSync(inRepository);
    return inRepository;
  } catch {
    return hasShared(NAME) ? shared(NAME) : undefined;
  }
}

/** The embedded model's tokenizer, or undefined, with the reason printed, where its file is not there. */
export async function nanoTokenizerData(): Promise<TokenizerData | undefined> {
  const url = location();
  if (!url) return undefined;
  const file = await openGguf(bytesSource(await Deno.readFile(url), url.pathname));
  return tokenizerData(file.metadata);
}
