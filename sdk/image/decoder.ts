import { LorisError, type LorisErrorCode } from "../errors.ts";
import { engineMemory, PAGE_BYTES } from "../memory/engine_memory.ts";

/** Formats that are decoded, in the order of the module's numbers. */
const FORMATS = ["jpeg", "png", "webp", "gif", "bmp"] as const;
export type ImageFormat = (typeof FORMATS)[number];

/** What a picture's header says. */
export interface ImageInfo {
  readonly format: ImageFormat;
  /** Pixels, upright: after turning by the orientation. */
  readonly width: number;
  readonly height: number;
  /** EXIF's orientation, 1 (upright as stored) to 8. */
  readonly orientation: number;
}

/** Options of {@link ImageDecoder}. */
export interface ImageDecoderOptions {
  /** The most that the decoder's memory may ever hold, in bytes. */
  readonly maxMemoryBytes: number;
  /** Pictures with more pixels are refused by their header. */
  readonly maxPixels: number;
}

interface ImageExports {
  probe_image(length: number): number;
  decode_image(length: number, width: number, height: number, maxPixels: number, maxBytes: number): number;
  result_address(): number;
  result_bytes(): number;
  release(): void;
  /** 1 if the module found no memory; may be asked after a trap. */
  ran_out(): number;
}

/** The module's stack, constants, and allocator's own needs; the rest of its memory is for pictures. */
const OWN_BYTES = 24 * PAGE_BYTES;

/**
 * Decodes pictures in a WebAssembly module with a memory of its own. A module whose memory ran full is thrown away, and
 * the next picture gets a new one.
 */
export class ImageDecoder {
  readonly #module: WebAssembly.Module;
  readonly #options: ImageDecoderOptions;
  #instance: { exports: ImageExports; memory: WebAssembly.Memory } | undefined;
  #input: Uint8Array = new Uint8Array(0);
  #peakBytes = 0;

  /** @throws {LorisError} `memory_budget` if `maxMemoryBytes` is not enough for the module itself. */
  constructor(module: WebAssembly.Module, options: ImageDecoderOptions) {
    if (options.maxMemoryBytes < 2 * OWN_BYTES) {
      throw new LorisError(
        "memory_budget",
        `the picture decoder needs ${2 * OWN_BYTES} bytes or more, its limit is ${options.maxMemoryBytes}`,
      );
    }
    this.#module = module;
    this.#options = options;
  }

  /** The largest size that the decoder's memory has had, in bytes. */
  get peakMemoryBytes(): number {
    return this.#peakBytes;
  }

  /**
   * Reads a picture's header.
   *
   * @throws {LorisError} `image_invalid`, `image_unsupported`; `memory_budget` if the engine gives the decoder no memory.
   */
  probe(bytes: Uint8Array): ImageInfo {
    return this.#call(bytes, (exports) => exports.probe_image(bytes.length), (result) => {
      const [format, w, h, orientation] = new Uint32Array(result.buffer) as unknown as [number, number, number, number];
      const [width, height] = orientation >= 5 ? [h, w] : [w, h];
      return { format: FORMATS[format]!, width, height, orientation };
    });
  }

  /**
   * The whole picture, upright, transparency on white, brought to a size by Lanczos resampling (Pillow's), whatever its shape.
   *
   * @returns RGB, u8 [height, width, 3].
   * @throws {LorisError} `image_invalid`, `image_unsupported`, `image_too_large`; `memory_budget` as for `probe`.
   */
  decode(bytes: Uint8Array, width: number, height: number): Uint8Array {
    const { maxPixels, maxMemoryBytes } = this.#options;
    const free = maxMemoryBytes - OWN_BYTES;
    return this.#call(
      bytes,
      (exports) => exports.decode_image(bytes.length, width, height, maxPixels, free),
      (result) => result,
    );
  }

  #call<T>(bytes: Uint8Array, run: (exports: ImageExports) => number, use: (result: Uint8Array) => T): T {
    const { exports, memory } = this.#instance ??= this.#start();
    this.#input = bytes;
    try {
      const failed = run(exports) !== 0;
      const result = new Uint8Array(memory.buffer, exports.result_address(), exports.result_bytes()).slice();
      exports.release();
      if (!failed) return use(result);
      const [code, message] = new TextDecoder().decode(result).split("|", 2) as [LorisErrorCode, string];
      throw new LorisError(code, message);
    } catch (error) {
      if (error instanceof LorisError) throw error;
      // a trap: the memory was full, or the decoder gave up on the bytes; either way the instance is no more to be trusted
      this.#instance = undefined;
      throw exports.ran_out() !== 0
        ? new LorisError(
          "image_too_large",
          `the picture found no more memory than ${memory.buffer.byteLength} bytes, allowed are ${this.#options.maxMemoryBytes}; ` +
            "give a smaller one",
          { cause: error },
        )
        : new LorisError("image_invalid", "the picture is damaged: its decoder gave up", { cause: error });
    } finally {
      this.#input = new Uint8Array(0);
      this.#peakBytes = Math.max(this.#peakBytes, memory.buffer.byteLength);
    }
  }

  #start(): { exports: ImageExports; memory: WebAssembly.Memory } {
    const memory = engineMemory(OWN_BYTES / PAGE_BYTES, Math.floor(this.#options.maxMemoryBytes / PAGE_BYTES));
    const read = (offset: number, into: number, length: number) => {
      const part = this.#input.subarray(offset, offset + length);
      new Uint8Array(memory.buffer).set(part, into);
      return part.length;
    };
    const instance = new WebAssembly.Instance(this.#module, { env: { memory, read } });
    return { exports: instance.exports as unknown as ImageExports, memory };
  }
}
