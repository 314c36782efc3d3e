/** Counters at every branch of a program's text, and the constants that it compares with. */
import { type Node, parse } from "npm:acorn@8.19.0";

export interface Instrumented {
  /** The program, which counts in `globalThis.fuzzEdges`, a Uint8Array of so many edges. */
  readonly code: string;
  readonly edges: number;
  /** Texts and numbers that stand in it. */
  readonly constants: ReadonlySet<string | number>;
}

// deno-lint-ignore no-explicit-any -- nodes of all kinds
type AnyNode = any;

const MAX_CONSTANT_CHARACTERS = 40;
const FUNCTIONS: readonly string[] = ["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"];
const LOOPS: readonly string[] = [
  "ForStatement",
  "ForInStatement",
  "ForOfStatement",
  "WhileStatement",
  "DoWhileStatement",
];

/** @param program An ES module. */
export function instrument(program: string): Instrumented {
  const insertions: { readonly at: number; readonly text: string }[] = [];
  const constants = new Set<string | number>();
  let edges = 0;
  const put = (at: number, text: string) => insertions.push({ at, text });
  const count = () => `$edges[${edges++}]++`;

  /** What is called when the children of a node are done. */
  const after = new Map<AnyNode, string>();
  const statement = (node: AnyNode) => {
    if (node.type === "BlockStatement") return put(node.start + 1, `${count()};`);
    put(node.start, `{${count()};`);
    after.set(node, `}${after.get(node) ?? ""}`);
  };
  const expression = (node: AnyNode) => {
    put(node.start, `(${count()},`);
    after.set(node, `)${after.get(node) ?? ""}`);
  };

  function enter(node: AnyNode): void {
    if (FUNCTIONS.includes(node.type)) node.expression ? expression(node.body) : statement(node.body);
    else if (LOOPS.includes(node.type)) statement(node.body);
    else if (node.type === "IfStatement") {
      statement(node.consequent);
      if (node.alternate) statement(node.alternate);
      else after.set(node, ` else ${count()};${after.get(node) ?? ""}`);
    } else if (node.type === "ConditionalExpression") {
      expression(node.consequent);
      expression(node.alternate);
    } else if (node.type === "LogicalExpression") expression(node.right);
    else if (node.type === "CatchClause") statement(node.body);
    else if (node.type === "SwitchCase" && node.consequent[0]) put(node.consequent[0].start, `${count()};`);
    else if (node.type === "Literal" && /^(string|number)$/.test(typeof node.value)) {
      if (String(node.value).length <= MAX_CONSTANT_CHARACTERS) constants.add(node.value);
    }
  }
  function walk(node: AnyNode): void {
    enter(node);
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (typeof (child as Node | null)?.type === "string") walk(child);
      }
    }
    const text = after.get(node);
    if (text !== undefined) put(node.end, text);
  }
  walk(parse(program, { ecmaVersion: "latest", sourceType: "module" }));

  insertions.sort((a, b) => a.at - b.at);
  let [code, done] = ["const $edges = globalThis.fuzzEdges;\n", 0];
  for (const { at, text } of insertions) {
    code += program.slice(done, at) + text;
    done = at;
  }
  return { code: code + program.slice(done), edges, constants };
}
