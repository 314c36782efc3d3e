/** A request over a socket of its own, which can break off as a lost connection does. */
import { connect, type Socket } from "node:net";

/** A request on its way. */
export class RawRequest {
  readonly #socket: Socket;
  #received = "";

  /** @param type Of the body. */
  constructor(url: string, body: Uint8Array, type: string) {
    const { hostname, port, pathname, search } = new URL(url);
    this.#socket = connect(Number(port), hostname);
    // what comes after the reset is of no interest
    this.#socket.on("error", () => {});
    this.#socket.on("data", (data: Uint8Array) => this.#received += new TextDecoder().decode(data));
    const head = [
      `POST ${pathname}${search} HTTP/1.1`,
      ...[`host: ${hostname}:${port}`, `content-type: ${type}`, `content-length: ${body.length}`, "", ""],
    ];
    this.#socket.write(head.join("\r\n"));
    this.#socket.write(body);
  }

  /** All that has come. */
  get received(): string {
    return this.#received;
  }

  /**
   * Breaks off with a reset. A connection that is closed in order looks to workerd like one whose client has sent all, until it
   * writes to it; production's front tells it at once, as a reset does here.
   */
  leave(): void {
    this.#socket.resetAndDestroy();
  }
}
