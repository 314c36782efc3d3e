import { buildSite } from "../../examples/browser/build.ts";
import { type Served, serveFolder } from "../../examples/browser/serve.ts";

/** The built site on a server that can be stopped and started again at the same address. */
export class Site {
  readonly #folder: string;
  #server: ReturnType<typeof serveFolder>;
  /** Since it was last asked for. */
  #served: Served[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
    this.#server = this.#serve(0);
  }

  static async build(): Promise<Site> {
    const folder = await Deno.makeTempDir();
    await buildSite(folder);
    return new Site(folder);
  }

  get url(): string {
    return this.#server.url;
  }

  /** Model bytes served since the last call, by requests of more than the one byte that asks for a file's size. */
  takeModelBytes(): number[] {
    const model = this.#served.filter(({ path, bytes }) => path.endsWith(".gguf") && bytes > 1);
    this.#served = [];
    return model.map(({ bytes }) => bytes);
  }

  async stop(): Promise<void> {
    await this.#server.close();
  }

  start(): void {
    this.#server = this.#serve(Number(new URL(this.url).port));
  }

  /** Takes a file away, or puts it back. */
  async hide(file: string, hidden: boolean): Promise<void> {
    const path = `${this.#folder}/${file}`;
    await (hidden ? Deno.rename(path, `${path}.hidden`) : Deno.rename(`${path}.hidden`, path));
  }

  async remove(): Promise<void> {
    await this.#server.close();
    await Deno.remove(this.#folder, { recursive: true });
  }

  #serve(port: number) {
    return serveFolder(this.#folder, port, (served) => this.#served.push(served));
  }
}
