/** Loaded before the examples of the API reference: what they fetch by names of the documents comes from a server here. */
const { fetch } = globalThis;
const places: Readonly<Record<string, string>> = JSON.parse(Deno.env.get("LORIS_EXAMPLE_URLS")!);

globalThis.fetch = (input, init) => fetch(typeof input === "string" ? places[input] ?? input : input, init);
