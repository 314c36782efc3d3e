/** `src/deno.ts` in a process of its own, with the small seeded model. */
import { generateModel, SHAPES } from "../bench/generate_model.ts";
import { type Server, startServer } from "./server.ts";

/** Starts it; the model's files are gone afterwards, for they have been read. @param flags Deno's own. */
export async function startSmallServer(
  args: readonly string[] = [],
  flags: readonly string[] = [],
): Promise<Server> {
  const folder = await Deno.makeTempDir();
  try {
    const { text, vision } = await generateModel(folder, SHAPES.small, "Q8_0");
    return await startServer(["--text", text, "--vision", vision, ...args], {}, flags);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
