import { readFile } from "node:fs/promises";
import { LorisError } from "../../sdk/errors.ts";
import type { LazyOption } from "../../sdk/lazy/option.ts";
import { LAZY_MODES } from "../../sdk/lazy/plan.ts";
import { planFromJson } from "../../sdk/lazy/plan_format.ts";

const WORDS: readonly string[] = ["off", "auto", ...LAZY_MODES];

/** What `--lazy` says: a word as it is, the plan of a JSON file. */
export async function lazyOption(option: string | undefined): Promise<LazyOption | undefined> {
  if (option === undefined || WORDS.includes(option)) return option as LazyOption | undefined;
  const text = await readFile(option, "utf8").catch((cause) => {
    const message = `--lazy is ${option}, it must be ${WORDS.join(", ")} or a JSON file that can be read`;
    throw new LorisError("argument_invalid", message, { param: "lazy", cause });
  });
  return planFromJson(text, option);
}
