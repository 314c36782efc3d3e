/** Reference models and pictures that are kept beside the repository, not in it. */
const root = new URL(Deno.env.get("LORIS_SHARED") ?? "../../shared/", import.meta.url);

/** A file or folder of the shared material. */
export function shared(path: string): URL {
  return new URL(path, root);
}

/** True if it is there; says so in words if not, for tests that must then be skipped. */
export function hasShared(path: string): boolean {
  try {
    Deno.statSync(shared(path));
    return true;
  } catch {
    // deno-lint-ignore no-console -- a skip must say why
    console.log(`skipped: ${path} is not here (reference material outside the repository; set LORIS_SHARED)`);
    return false;
  }
}

export async function sharedJson<T>(path: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(shared(path)));
}
