/**
 * Captions of pictures as they come into a bucket: R2 tells a queue, this takes the queue's messages, and the captions go into
 * D1. A queue delivers at least once, in any order; a version of a picture is captioned once.
 */
import type { Captioner } from "../../sdk/captioner.ts";
import { LorisError, type LorisErrorCode } from "../../sdk/errors.ts";
import type { R2BodyLike } from "../../sdk/sources/r2.ts";
import { creates, parseEvent, type R2Event } from "./event.ts";
import { CaptionStore, type D1Like, type PictureId } from "./store.ts";

/** Bindings and variables of the consumer. */
export interface BulkEnv {
  /** R2 bucket whose events come. */
  readonly PHOTOS?: PhotosLike;
  /** D1 database with the tables of `cloudflare/schema.sql`. */
  readonly DB?: D1Like;
  /** What is asked of each picture. */
  readonly CAPTION_PROMPT?: string;
  /** The most tokens of a caption; 64. */
  readonly CAPTION_MAX_TOKENS?: string;
  /** Attempts before a message is given up; 5. The queue's own `max_retries` must not be lower than one less. */
  readonly CAPTION_MAX_ATTEMPTS?: string;
  /** Seconds until the second attempt, doubled from attempt to attempt; 10. */
  readonly CAPTION_RETRY_SECONDS?: string;
  /** Queue of messages that the platform gave up, because the worker itself was ended; they are put into D1 too. */
  readonly DEAD_LETTER_QUEUE?: string;
}

/** The little of Cloudflare's `R2Bucket` that is called. */
export interface PhotosLike {
  /** An object with its bytes; null if there is none. */
  get(key: string): Promise<R2BodyLike | null>;
}

/** The little of Cloudflare's `Message` that is used. */
export interface MessageLike {
  /** The queue's own, the same at each delivery. */
  readonly id: string;
  /** What was sent: R2's event notification. */
  readonly body: unknown;
  /** 1 at the first delivery. */
  readonly attempts: number;
  /** It is done, and is not delivered again. */
  ack(): void;
  /** It is delivered again, not before so many seconds. */
  retry(options: { delaySeconds: number }): void;
}

/** The little of Cloudflare's `MessageBatch` that is used. */
export interface MessageBatchLike {
  /** The queue's name. */
  readonly queue: string;
  /** In no order to rely on. */
  readonly messages: readonly MessageLike[];
}

/** Takes signals, gives the model: it is loaded when the first picture needs it. */
export type ModelGetter = (signal: AbortSignal) => Promise<Captioner>;

/** Errors that no retry mends: the picture, or the question, is at fault. */
const HOPELESS: readonly LorisErrorCode[] = [
  "image_invalid",
  "image_unsupported",
  "image_too_large",
  "context_overflow",
  "argument_invalid",
];

/** Larger objects are not read: no picture that the decoder takes is that large. */
const MAX_PICTURE_BYTES = 20 * 2 ** 20;
/** A batch may run for 15 minutes; what is not begun by then is delivered again. */
const BATCH_MS = 12 * 60_000;
const MAX_DELAY_S = 3600;

/** Seconds until a message is delivered again: doubled from attempt to attempt, an hour at most. */
function backoffSeconds(attempts: number, first: number): number {
  return Math.min(MAX_DELAY_S, first * 2 ** (attempts - 1));
}

/** A message that is to be given up at once. */
class Hopeless extends Error {}

/**
 * Works through a batch, a message at a time. Each is acknowledged when its caption is stored, or when it was kept as a dead
 * letter; what may yet succeed is delivered again, later each time.
 *
 * @param waitUntil The batch's own: what is computed for others may outlive it.
 * @throws {LorisError} `argument_invalid` if a binding is missing: the whole batch is then delivered again.
 */
export async function consume(
  batch: MessageBatchLike,
  env: BulkEnv,
  model: ModelGetter,
  waitUntil: (work: Promise<unknown>) => void,
): Promise<void> {
  const store = new CaptionStore(required(env, "DB"));
  if (batch.queue === env.DEAD_LETTER_QUEUE) {
    for (const { id, body, attempts, ack } of batch.messages.map(bound)) {
      await store.bury(
        id,
        batch.queue,
        body,
        "the platform gave it up: the worker was ended at each attempt",
        attempts,
      );
      ack();
    }
    return;
  }
  const photos = required(env, "PHOTOS");
  const maxAttempts = whole(env, "CAPTION_MAX_ATTEMPTS", 5);
  const maxTokens = whole(env, "CAPTION_MAX_TOKENS", 64);
  const retrySeconds = whole(env, "CAPTION_RETRY_SECONDS", 10);
  const prompt = env.CAPTION_PROMPT;
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new Error("the batch took too long")), BATCH_MS);
  const { signal } = controller;

  async function caption(event: R2Event): Promise<void> {
    const { bucket, object: { key, eTag } } = event;
    if (eTag !== undefined && await store.has({ bucket, key, etag: eTag })) return;
    const object = await photos.get(key);
    // deleted since: there is nothing to caption, and nothing wrong
    if (!object) return;
    const id: PictureId = { bucket, key, etag: object.etag };
    // the event may be older than the object, whose own event may have come first
    const known = object.etag !== eTag && await store.has(id);
    if (known || object.size > MAX_PICTURE_BYTES) {
      await object.body.cancel();
      if (known) return;
      throw new Hopeless(`the picture has ${object.size} bytes, allowed are ${MAX_PICTURE_BYTES}`);
    }
    const picture = new Uint8Array(await object.arrayBuffer());
    const captioner = await model(signal);
    const options = { maxTokens, signal, waitUntil, ...(prompt === undefined ? {} : { prompt }) };
    const result = await captioner.caption(picture, options).result;
    await store.put(id, result, captioner.backend);
  }

  try {
    for (const { id, body, attempts, ack, retry } of batch.messages.map(bound)) {
      try {
        const event = parseEvent(body);
        if (typeof event === "string") throw new Hopeless(event);
        if (creates(event)) await caption(event);
      } catch (error) {
        if (!isHopeless(error) && attempts < maxAttempts) {
          retry({ delaySeconds: backoffSeconds(attempts, retrySeconds) });
          continue;
        }
        await store.bury(id, batch.queue, body, reasonOf(error), attempts);
      }
      ack();
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Its functions can be taken apart from it. */
function bound(message: MessageLike) {
  const { id, body, attempts } = message;
  return {
    ...{ id, body, attempts },
    ack: () => message.ack(),
    retry: (options: { delaySeconds: number }) => message.retry(options),
  };
}

function isHopeless(error: unknown): boolean {
  return error instanceof Hopeless || (error instanceof LorisError && HOPELESS.includes(error.code));
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return `${typeof code === "string" ? `${code}: ` : ""}${error.message}${cause}`;
}

function required<Name extends "DB" | "PHOTOS">(env: BulkEnv, name: Name): NonNullable<BulkEnv[Name]> {
  const binding = env[name];
  if (binding) return binding;
  const message =
    `a queue's messages came, but there is no binding ${name}; see examples/caption-worker/wrangler.jsonc`;
  throw new LorisError("argument_invalid", message, { param: name });
}

type Numbers = "CAPTION_MAX_ATTEMPTS" | "CAPTION_MAX_TOKENS" | "CAPTION_RETRY_SECONDS";

function whole(env: BulkEnv, name: Numbers, initial: number): number {
  const text = env[name];
  const value = text === undefined ? initial : Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new LorisError("argument_invalid", `the variable ${name} is "${text}", it must be a whole number from 1`, {
    param: name,
  });
}
