import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { LorisError } from "../errors.ts";

/**
 * Bounds on a template, which comes with a file and may be hostile: its source, the steps it takes, and the size of any
 * text or list it makes on the way. Real templates stay below a tenth of each in conversations of a thousand turns.
 */
const MAX = { sourceCharacters: 1 << 17, steps: 500_000, characters: 1 << 22, items: 1 << 16 };
/** What can be done with a list or a text within the time of one step: handing on so many items or characters. */
const PER_STEP = { items: 16, characters: 1024 };

type Statement = Parameters<Interpreter["evaluate"]>[0];
/** The nodes of a program whose values are used otherwise than most: a loop's list, and what a member is taken of. */
interface Node {
  readonly iterable?: Node;
  readonly lhs?: Node;
  readonly object?: Node;
}

/**
 * An interpreter that counts its work: jinja has loops and recursion, so that a template may never end. Each evaluation is
 * a step; a list or a text that it gives costs more by its size, since whatever takes it may go through it: a loop over a
 * list costs a step for each item, even if its body is empty.
 */
class BoundedInterpreter extends Interpreter {
  #steps = 0;
  readonly #seen = new WeakSet<Node>();
  readonly #looped = new WeakSet<Node>();
  readonly #lookedUp = new WeakSet<Node>();

  override evaluate(statement: Statement, environment: Environment): ReturnType<Interpreter["evaluate"]> {
    this.#spend(1);
    const node = (statement ?? {}) as Node;
    if (!this.#seen.has(node)) this.#note(node);
    const result = super.evaluate(statement, environment);
    const value: unknown = result.value;
    if (typeof value === "string") {
      if (value.length > MAX.characters) throw new Error(`it makes a text of more than ${MAX.characters} characters`);
      this.#spend(value.length / PER_STEP.characters);
    } else if (Array.isArray(value)) {
      if (value.length > MAX.items) throw new Error(`it makes a list of more than ${MAX.items} items`);
      if (this.#looped.has(node)) this.#spend(value.length);
      else if (!this.#lookedUp.has(node)) this.#spend(value.length / PER_STEP.items);
    } else if (value instanceof Map && this.#looped.has(node)) {
      this.#spend(value.size);
    }
    return result;
  }

  #spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MAX.steps) throw new Error(`it takes more than ${MAX.steps} steps`);
  }

  #note(node: Node): void {
    this.#seen.add(node);
    if (node.object) this.#lookedUp.add(node.object);
    if (!node.iterable) return;
    this.#looped.add(node.iterable);
    // With a condition (`for x in list if ...`), the list is the left side of a selection.
    if (node.iterable.lhs) this.#looped.add(node.iterable.lhs);
  }
}

/** Jinja's `range`, counted before it is made. */
function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (!(count <= MAX.items)) throw new Error(`range() would give ${count} numbers, at most ${MAX.items} are possible`);
  return Array.from({ length: count }, (_, i) => start + i * step);
}

/** `strftime_now` of chat templates, for the fields that they use; the time is UTC, so that it is the same everywhere. */
function strftimeNow(format: string): string {
  const now = new Date();
  const name = (options: Intl.DateTimeFormatOptions) => now.toLocaleDateString("en", { ...options, timeZone: "UTC" });
  const two = (n: number) => String(n).padStart(2, "0");
  const fields: Record<string, () => string> = {
    Y: () => String(now.getUTCFullYear()),
    m: () => two(now.getUTCMonth() + 1),
    d: () => two(now.getUTCDate()),
    H: () => two(now.getUTCHours()),
    M: () => two(now.getUTCMinutes()),
    S: () => two(now.getUTCSeconds()),
    b: () => name({ month: "short" }),
    B: () => name({ month: "long" }),
    a: () => name({ weekday: "short" }),
    A: () => name({ weekday: "long" }),
    "%": () => "%",
  };
  return format.replace(/%(.)/gs, (field, letter: string) => {
    const value = fields[letter];
    if (!value) throw new Error(`strftime_now: the field ${field} is not supported`);
    return value();
  });
}

let last: { readonly template: string; readonly program: ReturnType<typeof parse> } | undefined;

/** The program of a template. That of the last one is kept: a model has one for all its prompts, and parsing makes much garbage. */
function parsed(template: string): ReturnType<typeof parse> {
  if (last?.template !== template) {
    last = { template, program: parse(tokenize(template, { lstrip_blocks: true, trim_blocks: true })) };
  }
  return last.program;
}

/**
 * Renders a Jinja template, as `transformers` sets it up for chats (blocks trimmed and stripped; `raise_exception`,
 * `strftime_now`), within fixed bounds of work and size.
 *
 * @throws {LorisError} `file_invalid` with the cause, if the template cannot be parsed, fails, or passes a bound.
 */
export function renderJinja(template: string, variables: Readonly<Record<string, unknown>>): string {
  try {
    if (template.length > MAX.sourceCharacters) {
      throw new Error(`it has ${template.length} characters, at most ${MAX.sourceCharacters} are possible`);
    }
    const environment = new Environment();
    const globals = {
      false: false,
      true: true,
      none: null,
      False: false,
      True: true,
      None: null,
      range,
      strftime_now: strftimeNow,
      raise_exception: (message: string) => {
        throw new Error(message);
      },
    };
    for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
    const result: unknown = new BoundedInterpreter(environment).run(parsed(template)).value;
    if (typeof result !== "string") throw new Error("it gives no text");
    return result;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LorisError("file_invalid", `tokenizer.chat_template cannot be rendered: ${reason.slice(0, 300)}`, {
      param: "tokenizer.chat_template",
      cause,
    });
  }
}
