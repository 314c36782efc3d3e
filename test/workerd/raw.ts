/** Requests over a socket of their own, byte by byte, which can be wrong, slow, or break off as a lost connection does. */
import { connect, type Socket } from "node:net";

/** A connection on which a client says what it likes. */
export class RawConnection {
  /** Settled when the connection is over, in whatever way. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  #received = "";
  #watch = () => {};

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#socket = connect(Number(port), hostname);
    // what comes after the reset is of no interest
    this.#socket.on("error", () => {});
    this.ended = new Promise((resolve) => this.#socket.on("close", () => resolve()));
    this.ended.then(() => this.#watch());
    this.#socket.on("data", (data: Uint8Array) => {
      this.#received += new TextDecoder().decode(data);
      this.#watch();
    });
  }

  /** All that has come. */
  get received(): string {
    return this.#received;
  }

  /** True if the connection is over. */
  get over(): boolean {
    return this.#socket.destroyed;
  }

  /** Resolves when the system has taken it, or the connection is over. */
  async write(bytes: Uint8Array | string): Promise<void> {
    if (bytes.length === 0) return;
    await Promise.race([this.ended, new Promise<void>((resolve) => this.#socket.write(bytes, () => resolve()))]);
  }

  /** Waits until what has come is as wanted, or nothing more will come. @returns what has come. */
  async until(wanted: (received: string) => boolean): Promise<string> {
    while (!wanted(this.#received) && !this.over) await new Promise<void>((resolve) => this.#watch = resolve);
    return this.#received;
  }

  /** Takes nothing more from the connection, which fills up. */
  stopReading(): void {
    this.#socket.pause();
  }

  goOnReading(): void {
    this.#socket.resume();
  }

  /**
   * Breaks off with a reset. A connection that is closed in order looks to workerd like one whose client has sent all, until it
   * writes to it; production's front tells it at once, as a reset does here.
   */
  leave(): void {
    this.#socket.resetAndDestroy();
  }
}

/** What is not as it should be of a {@link RawRequest}. */
export interface RawOptions {
  /** Besides those that every request has. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The length that is announced; the body's own if left out, "chunked" for none. */
  readonly announced?: number | "chunked";
}

/** A request on its way. */
export class RawRequest extends RawConnection {
  readonly #chunked: boolean;

  /** @param type Of the body, which may be empty: {@link RawRequest.send} sends more of it. */
  constructor(url: string, body: Uint8Array, type: string, { headers = {}, announced }: RawOptions = {}) {
    super(url);
    this.#chunked = announced === "chunked";
    const { host, pathname, search } = new URL(url);
    const length = this.#chunked ? "transfer-encoding: chunked" : `content-length: ${announced ?? body.length}`;
    const head = [
      `POST ${pathname}${search} HTTP/1.1`,
      ...[`host: ${host}`, `content-type: ${type}`, length],
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      ...["", ""],
    ];
    this.write(head.join("\r\n"));
    this.send(body);
  }

  /** Sends a piece of the body. */
  async send(piece: Uint8Array): Promise<void> {
    // an empty chunk would end the body
    if (piece.length === 0) return;
    if (!this.#chunked) return await this.write(piece);
    // at once, so that no other piece comes between
    this.write(`${piece.length.toString(16)}\r\n`);
    this.write(piece);
    await this.write("\r\n");
  }
}
