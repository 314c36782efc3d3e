/** What the service is asked: requests of the three kinds that it meets. */
import { DEFAULT_PROMPT, type Message } from "../../../sdk/chat.ts";
import { withComment } from "../with_comment.ts";

/** One request, as the captioner takes it; {@link import("./http.ts")} makes OpenAI's form of it. */
export interface Asked {
  readonly messages: readonly Message[];
  readonly maxTokens: number;
  readonly temperature: number;
  readonly seed: number;
}

/** A kind of requests. */
export interface Workload {
  readonly name: string;
  readonly about: string;
  /**
   * A run's requests.
   *
   * @param run Of each run another number: what was asked in one must not be known in the next. Answers do not depend on it.
   */
  requests(run: number): readonly Asked[];
  /** Asked all at once before a run, and not counted. */
  before?(run: number): readonly Asked[];
}

/** Requests of a run. */
export const REQUESTS = 8;

/**
 * End tokens cannot be ignored, so that long answers are drawn: at this temperature nearly every token is as likely as every
 * other, and an answer of 100 tokens ends early about once in a hundred.
 */
const LONG = { temperature: 4, maxTokens: 100 };
const CAPTION = { temperature: 0, seed: 0, maxTokens: 26 };

const QUESTIONS = [
  DEFAULT_PROMPT,
  "Can you describe this image?",
  "What is in this picture?",
  "Write a caption.",
  "What objects are in this image?",
  "Is there a dog in this image?",
  "Is there a child in this image?",
  "What is the main object in this image?",
] as const;

/** @param photos JPEG files; there may be fewer than requests. */
export function workloads(photos: readonly Uint8Array<ArrayBuffer>[]): readonly Workload[] {
  const numbers = Array.from({ length: REQUESTS }, (_, i) => i);
  const say = (content: string, options: Omit<Asked, "messages">): Asked => ({
    messages: [{ role: "user", content }],
    ...options,
  });
  const look = (photo: number, mark: string, question: string): Asked => {
    const image = withComment(photos[photo % photos.length]!, mark);
    return {
      messages: [{ role: "user", content: [{ type: "image", image }, { type: "text", text: question }] }],
      ...CAPTION,
    };
  };
  return [
    {
      name: "text",
      about: `questions without a picture, answers of ${LONG.maxTokens} tokens`,
      // every cache forgets the last run's prompts
      before: (run) => numbers.map((i) => say(`${i} ${run} is no question.`, { ...CAPTION, maxTokens: 1 })),
      requests: () => numbers.map((i) => say(`Tell me a long story about number ${i}.`, { ...LONG, seed: i })),
    },
    {
      name: "captions",
      about: `a picture each that was not seen before, ${CAPTION.maxTokens} tokens at most`,
      requests: (run) => numbers.map((i) => look(i, `${run} ${i}`, DEFAULT_PROMPT)),
    },
    {
      name: "follow-ups",
      about: "questions about one picture, of which one was answered before",
      before: (run) => [look(0, `${run}`, DEFAULT_PROMPT)],
      requests: (run) => numbers.map((i) => look(0, `${run}`, QUESTIONS[i]!)),
    },
  ];
}
