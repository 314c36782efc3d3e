import type { Captioner } from "../../sdk/captioner.ts";
import type { ChatResult } from "../../sdk/chat.ts";
import { VERSION } from "../../sdk/version.ts";
import type { Admission } from "./admission.ts";
import { decodeMs } from "./completion.ts";

type Labels = Readonly<Record<string, string | number>>;

/** A number that only grows, one for each set of labels. */
class Counter {
  readonly #values = new Map<string, number>();

  add(labels: Labels, by = 1): void {
    const key = labelText(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + by);
  }

  get lines(): [string, number][] {
    return [...this.#values];
  }
}

/** What the service counts, as Prometheus reads it (text exposition format 0.0.4). */
export class Metrics {
  readonly #requests = new Counter();
  readonly #requestSeconds = new Counter();
  readonly #streamErrors = new Counter();
  readonly #tokens = new Counter();
  readonly #stages = new Counter();

  /** @param route Of the router's patterns, so that callers cannot make labels. */
  request(route: string, method: string, status: number, ms: number): void {
    this.#requests.add({ route, method, status });
    this.#requestSeconds.add({ route }, ms / 1000);
  }

  streamError(code: string): void {
    this.#streamErrors.add({ code });
  }

  /** @param results The answers to one prompt. */
  answered(results: readonly ChatResult[]): void {
    const { promptTokens, imageTokens, cachedTokens } = results[0]!.usage;
    for (const [kind, n] of Object.entries({ prompt: promptTokens, image: imageTokens, cached: cachedTokens })) {
      this.#tokens.add({ kind }, n);
    }
    for (const result of results) {
      const { usage, timings } = result;
      const { decodeImageMs, visionMs, prefillMs } = timings;
      const stages = {
        ...{ decode_image: decodeImageMs, vision: visionMs, prefill: prefillMs, decode: decodeMs(timings, result) },
      };
      this.#tokens.add({ kind: "completion" }, usage.completionTokens);
      for (const [stage, ms] of Object.entries(stages)) this.#stages.add({ stage }, ms / 1000);
    }
  }

  /** @param captioner Undefined before the model is loaded. */
  text(admission: Admission, captioner: Captioner | undefined): string {
    const families = [
      family("loris_requests_total", "counter", "Requests answered.", this.#requests.lines),
      family("loris_request_seconds_total", "counter", "Time to the answers' heads.", this.#requestSeconds.lines),
      family("loris_stream_errors_total", "counter", "Errors after an answer's head.", this.#streamErrors.lines),
      family("loris_tokens_total", "counter", "Tokens; image and cached ones are prompt tokens.", this.#tokens.lines),
      family("loris_stage_seconds_total", "counter", "Time that answers took, by stage.", this.#stages.lines),
      family("loris_requests_inside", "gauge", "Requests in work or waiting.", [["", admission.inside]]),
      family("loris_held_bytes", "gauge", "Bytes of their bodies.", [["", admission.heldBytes]]),
    ];
    if (captioner) {
      const { requests: { active, waiting }, memory, backend } = captioner;
      const bytes = Object.entries(memory).map(([name, value]): [string, number] => {
        return [labelText({ part: name.replace(/Bytes$/, "") }), value];
      });
      families.push(
        family("loris_queue_active", "gauge", "Answers being computed.", [["", active]]),
        family("loris_queue_waiting", "gauge", "Answers waiting for a place.", [["", waiting]]),
        family("loris_memory_bytes", "gauge", "Memory of the model, by part.", bytes),
        family("loris_info", "gauge", "What runs here.", [[labelText({ version: VERSION, backend }), 1]]),
      );
    }
    return families.join("");
  }
}

function family(name: string, type: string, help: string, lines: readonly (readonly [string, number])[]): string {
  const samples = lines.map(([labels, value]) => `${name}${labels} ${value}\n`).join("");
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples}`;
}

function labelText(labels: Labels): string {
  const escaped = (value: string | number) =>
    String(value).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return `{${Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`).join(",")}}`;
}
