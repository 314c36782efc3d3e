import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { LorisError } from "../errors.ts";

/**
 * Bounds on a template, which comes with a file and may be hostile: its source, the steps it takes, and the size of any
 * text or list it makes on the way. Real templates stay below a thousandth of each.
 */
const MAX = { sourceCharacters: 1 << 18, steps: 250_000, characters: 1 << 22, items: 1 << 16 };

type Statement = Parameters<Interpreter["evaluate"]>[0];

/** An interpreter that counts: jinja has loops and recursion, so that a template may never end. */
class BoundedInterpreter extends Interpreter {
  #steps = 0;

  override evaluate(statement: Statement, environment: Environment): ReturnType<Interpreter["evaluate"]> {
    if (++this.#steps > MAX.steps) throw new Error(`it takes more than ${MAX.steps} steps`);
    const result = super.evaluate(statement, environment);
    const value: unknown = result.value;
    if (typeof value === "string" && value.length > MAX.characters) {
      throw new Error(`it makes a text of more than ${MAX.characters} characters`);
    }
    if (Array.isArray(value) && value.length > MAX.items) {
      throw new Error(`it makes a list of more than ${MAX.items} items`);
    }
    return result;
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
    const program = parse(tokenize(template, { lstrip_blocks: true, trim_blocks: true }));
    const result: unknown = new BoundedInterpreter(environment).run(program).value;
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
