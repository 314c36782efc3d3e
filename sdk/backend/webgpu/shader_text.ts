/** What a variant of a shader is made with: flags for `#if`, and numbers that become `const NAME: u32`. */
export type ShaderConstants = Readonly<Record<string, number | boolean>>;

/**
 * The WGSL of one variant. Lines `#if NAME`, `#if !NAME`, `#else` and `#endif`, which nest, keep or drop what is between
 * them; a name is true if its constant is neither missing, false nor 0.
 *
 * @param source A file of `wgsl/` with its imports resolved.
 * @throws {SyntaxError} for a directive that is unknown or has no partner.
 */
export function shaderText(source: string, constants: ShaderConstants): string {
  /** Whether each `#if` around the line keeps it. */
  const kept: boolean[] = [];
  const enables: string[] = [];
  const lines: string[] = [];
  for (const line of source.split("\n")) {
    const directive = /^\s*#(\w+)\s*(!?)(\w*)/.exec(line);
    if (!directive) {
      if (kept.every(Boolean)) (/^\s*(enable|requires)\s/.test(line) ? enables : lines).push(line);
      continue;
    }
    const [, word, not, name] = directive;
    if (word === "if") kept.push(Boolean(constants[name!]) !== (not === "!"));
    else if (word === "else" && kept.length > 0) kept.push(!kept.pop());
    else if (word === "endif" && kept.length > 0) kept.pop();
    else throw new SyntaxError(`"${line.trim()}" in a shader: unknown, or without its #if`);
  }
  if (kept.length > 0) throw new SyntaxError("a shader has an #if without its #endif");
  const numbers = Object.entries(constants).flatMap(([name, value]) =>
    typeof value === "number" ? [`const ${name}: u32 = ${value}u;`] : []
  );
  // directives of the language come before everything else
  return [...enables, ...numbers, ...lines].join("\n");
}
