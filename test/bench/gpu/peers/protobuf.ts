/** Writes Protocol Buffers messages: as much of the format as ONNX files need. */

/** A message being written. Fields are numbered as the schema of the message says. */
export class Message {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** Bytes of the message. */
  get length(): number {
    return this.#length;
  }

  /** A whole number, 0 or more. */
  int(field: number, value: number): this {
    return this.#put(varint(field << 3)).#put(varint(value));
  }

  /** A 32-bit float. */
  float(field: number, value: number): this {
    return this.#put(varint(field << 3 | 5)).#put(new Uint8Array(Float32Array.of(value).buffer));
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#put(varint(field << 3 | 2)).#put(varint(value.length)).#put(value);
  }

  message(field: number, value: Message): this {
    this.#put(varint(field << 3 | 2)).#put(varint(value.length));
    for (const part of value.#parts) this.#put(part);
    return this;
  }

  /** The message as it stands in a file. */
  encoded(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  #put(part: Uint8Array): this {
    this.#parts.push(part);
    this.#length += part.length;
    return this;
  }
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; bytes.length === 0 || rest > 0; rest = Math.floor(rest / 128)) {
    bytes.push(rest % 128 + (rest >= 128 ? 128 : 0));
  }
  return Uint8Array.from(bytes);
}
