import { sha256Hex } from "../platform/digest.ts";
import type { ImageDecoder } from "./decoder.ts";
import { cutTile, type TilePlan } from "./tiles.ts";

/** A picture that waits to be looked at: compressed bytes, and how it is to be cut. */
export class Picture {
  readonly bytes: Uint8Array;
  readonly plan: TilePlan;
  /** Of the bytes and the cut: equal keys mean equal tiles. */
  readonly key: string;
  readonly #images: ImageDecoder;
  readonly #side: number;
  /** u8 [plan.height, plan.width, 3], while tiles are cut out of it. */
  #whole: Uint8Array | undefined;
  #decodeMs = 0;

  private constructor(bytes: Uint8Array, plan: TilePlan, side: number, key: string, images: ImageDecoder) {
    this.bytes = bytes;
    this.plan = plan;
    this.key = key;
    this.#side = side;
    this.#images = images;
  }

  /** @param side Of a tile, in pixels. */
  static async create(bytes: Uint8Array, plan: TilePlan, side: number, images: ImageDecoder): Promise<Picture> {
    return new Picture(bytes, plan, side, `${await sha256Hex(bytes)} ${plan.width}x${plan.height} ${side}`, images);
  }

  /** Time spent decoding, turning and resizing so far, in milliseconds. */
  get decodeMs(): number {
    return this.#decodeMs;
  }

  /**
   * One tile: u8 [side, side, 3]. The cut ones row by row, then the overview.
   *
   * @throws {LorisError} `image_invalid`, `image_unsupported`, `image_too_large`.
   */
  tile(index: number): Uint8Array {
    const started = performance.now();
    try {
      const { rows, columns, width, height } = this.plan;
      if (index === rows * columns) {
        this.#whole = undefined;
        return this.#images.decode(this.bytes, this.#side, this.#side);
      }
      this.#whole ??= this.#images.decode(this.bytes, width, height);
      return cutTile(this.#whole, this.plan, Math.floor(index / columns), index % columns);
    } finally {
      this.#decodeMs += performance.now() - started;
    }
  }
}
