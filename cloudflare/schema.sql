-- Tables of the bulk captioner (src/bulk/); in the npm package `loris/schema.sql`.

-- One row for each version of a picture: an etag differs where bytes do.
CREATE TABLE IF NOT EXISTS captions (
  bucket TEXT NOT NULL,
  object_key TEXT NOT NULL,
  etag TEXT NOT NULL,
  caption TEXT NOT NULL,
  -- what computed it, such as "wasm-relaxed"
  model TEXT NOT NULL,
  completion_tokens INTEGER NOT NULL,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (bucket, object_key, etag)
) WITHOUT ROWID;

-- Messages that were given up, to be looked at, mended and sent again.
CREATE TABLE IF NOT EXISTS dead_letters (
  -- the queue's id of the message
  id TEXT NOT NULL PRIMARY KEY,
  queue TEXT NOT NULL,
  -- JSON
  body TEXT NOT NULL,
  reason TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID;
