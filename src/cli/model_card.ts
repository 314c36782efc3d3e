import { readFile } from "node:fs/promises";
import type { ModelCard } from "../service/options.ts";
import { EMBEDDED } from "./model.ts";

/** What the embedded model's card says of its limits and of the questions it was taught. */
export async function embeddedCard(): Promise<ModelCard> {
  return parseCard(await readFile(new URL("README.md", EMBEDDED), "utf8"));
}

/** @throws {Error} if the card does not say both. */
export function parseCard(card: string): ModelCard {
  const paragraph = (name: string) => {
    const [, text] = new RegExp(`^\\*\\*${name}\\*\\*:?\\s*([^]*?)(?:\\n\\n|\\n*(?![^]))`, "m").exec(card) ?? [];
    if (text === undefined) throw new Error(`the model's card has no paragraph that begins with **${name}**`);
    return text.replace(/\s+/g, " ").trim();
  };
  const questions = [...paragraph("Questions it was taught").matchAll(/`([^`]+)`/g)].map(([, question]) => question!);
  return { limits: paragraph("Limits\\."), questions };
}
