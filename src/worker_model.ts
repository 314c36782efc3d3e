import { LorisError } from "../sdk/errors.ts";
import { splitNames } from "../sdk/gguf/gguf.ts";
import { assetsSource, type FetcherLike } from "../sdk/sources/assets.ts";
import { bytesSource } from "../sdk/sources/bytes.ts";
import { cachedSource, type CacheLike } from "../sdk/sources/cached.ts";
import { type R2BucketLike, r2Source } from "../sdk/sources/r2.ts";
import type { Source } from "../sdk/sources/source.ts";

/** Bindings that bring a model, in the order in which they are looked for. */
export interface ModelEnv {
  /** R2 bucket with the two GGUF files under the keys below; of split files the first. */
  readonly MODELS?: R2BucketLike;
  /** Key of the text model in the bucket. */
  readonly MODEL_TEXT?: string;
  /** Key of the vision model in the bucket. */
  readonly MODEL_VISION?: string;
  /** Static assets with what `tools/cut_model.ts` writes, in the folder below. */
  readonly ASSETS?: FetcherLike;
  /** Folder of the assets in which the model is; "/model/". */
  readonly MODEL_FOLDER?: string;
}

/** Files in the bundle: modules of the type Data. */
export interface EmbeddedModel {
  /** The text model's GGUF. */
  readonly text: ArrayBuffer;
  /** The vision model's GGUF. */
  readonly vision: ArrayBuffer;
}

type Pair<T> = { readonly text: T; readonly vision: T };

/**
 * Where the model's files are.
 *
 * @param cache In front of the bucket; undefined where there is none.
 * @throws {LorisError} `argument_invalid` if nothing brings a model.
 */
export function modelFiles(
  env: ModelEnv,
  embedded: EmbeddedModel | undefined,
  cache: CacheLike | undefined,
): Pair<Source | Source[]> {
  const { MODELS, ASSETS } = env;
  if (MODELS) {
    const file = (key: string) => {
      const source = r2Source(MODELS, key);
      return cache ? cachedSource(source, cache) : source;
    };
    const files = (name: "MODEL_TEXT" | "MODEL_VISION") => {
      const key = env[name];
      if (key === undefined || key === "") {
        const message =
          `the binding MODELS is there, the variable ${name} is not; set it to the file's key in the bucket`;
        throw new LorisError("argument_invalid", message, { param: name });
      }
      return (splitNames(key) ?? [key]).map(file);
    };
    return { text: files("MODEL_TEXT"), vision: files("MODEL_VISION") };
  }
  if (ASSETS) {
    const folder = `/${env.MODEL_FOLDER ?? "model"}/`.replace(/\/{2,}/g, "/");
    const file = (name: string) => assetsSource(ASSETS, `https://assets.invalid${folder}${name}.json`);
    return { text: file("text"), vision: file("vision") };
  }
  if (embedded) {
    const file = (name: keyof EmbeddedModel) => bytesSource(new Uint8Array(embedded[name]), `${name} in the bundle`);
    return { text: file("text"), vision: file("vision") };
  }
  throw new LorisError(
    "argument_invalid",
    "nothing brings a model: bind an R2 bucket as MODELS, or static assets as ASSETS, or bundle one (cloudflare/nano.mjs)",
    { param: "env" },
  );
}
