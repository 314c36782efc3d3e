import type { ChatResult } from "../../sdk/chat.ts";

/** The little of Cloudflare's `D1Database` that is called. */
export interface D1Like {
  /** A statement with a `?` for each value. */
  prepare(sql: string): D1StatementLike;
}

/** The little of Cloudflare's `D1PreparedStatement` that is called. */
export interface D1StatementLike {
  /** The statement with its values. */
  bind(...values: (string | number | null)[]): D1StatementLike;
  /** The first row; null if there is none. */
  first<T>(): Promise<T | null>;
  /** Runs it for its effect. */
  run(): Promise<unknown>;
}

/** Which version of which picture. */
export interface PictureId {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
}

/** Captions and what could not be captioned, in the tables of `cloudflare/schema.sql`. */
export class CaptionStore {
  readonly #db: D1Like;

  constructor(db: D1Like) {
    this.#db = db;
  }

  async has({ bucket, key, etag }: PictureId): Promise<boolean> {
    const sql = "SELECT 1 AS found FROM captions WHERE bucket = ? AND object_key = ? AND etag = ?";
    return await this.#db.prepare(sql).bind(bucket, key, etag).first() !== null;
  }

  /** Of two for one picture the first stays: a queue may deliver a message twice at once. */
  async put({ bucket, key, etag }: PictureId, { text, usage }: ChatResult, model: string): Promise<void> {
    const sql = "INSERT INTO captions (bucket, object_key, etag, caption, model, completion_tokens) " +
      "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    await this.#db.prepare(sql).bind(bucket, key, etag, text.trim(), model, usage.completionTokens).run();
  }

  /**
   * Keeps a message that is given up, with the reason.
   *
   * @param id The queue's own: a message that is given up twice is kept once.
   */
  async bury(id: string, queue: string, body: unknown, reason: string, attempts: number): Promise<void> {
    const sql =
      "INSERT INTO dead_letters (id, queue, body, reason, attempts) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    // JSON has no word for undefined
    await this.#db.prepare(sql).bind(id, queue, JSON.stringify(body) ?? "null", reason, attempts).run();
  }
}
