import * as v from "valibot";

/** What R2 tells a queue of an object; unknown fields are ignored. */
const r2Event = v.object({
  action: v.string(),
  bucket: v.pipe(v.string(), v.minLength(1)),
  object: v.object({
    key: v.pipe(v.string(), v.minLength(1)),
    eTag: v.optional(v.string()),
    size: v.optional(v.number()),
  }),
});

export type R2Event = v.InferOutput<typeof r2Event>;

/** Events after which there is an object to look at. */
const CREATED: readonly string[] = ["PutObject", "CopyObject", "CompleteMultipartUpload"];

/** @returns The event, or what is wrong with the message. */
export function parseEvent(body: unknown): R2Event | string {
  const { success, issues, output } = v.safeParse(r2Event, body);
  if (success) return output;
  const path = v.getDotPath(issues[0]);
  return `not an R2 event: ${path === null ? "" : `${path}: `}${issues[0].message}`;
}

export function creates({ action }: R2Event): boolean {
  return CREATED.includes(action);
}
