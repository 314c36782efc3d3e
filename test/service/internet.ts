/** A service that may fetch pictures, and an internet that a test makes up. */
import type { Captioner } from "../../sdk/captioner.ts";
import type { RemoteImageOptions } from "../../src/service/app.ts";
import { DOGS } from "../sdk/model.ts";
import { picture, TestApp } from "./app.ts";

/** The field that refusals name. */
export const PARAM = "messages[0].content[0].image_url.url";

export type Answer = (url: string, init: RequestInit) => Response | Promise<Response>;

export const dogs: Answer = () => new Response(DOGS);
export const to = (location: string): Answer => () => new Response(null, { status: 302, headers: { location } });

/** An app in whose internet there are these URLs, and those asked for. */
export function internetOf(
  captioner: Captioner,
  pages: Record<string, Answer>,
  options: Partial<RemoteImageOptions> = {},
) {
  const asked: string[] = [];
  const inits: RequestInit[] = [];
  const fetch = async (url: string, init: RequestInit) => {
    asked.push(url);
    inits.push(init);
    const page = pages[url];
    if (!page) throw new TypeError(`no route to ${url}`);
    return await page(url, init);
  };
  const hosts = ["images.example.com", "*.cdn.example.com", "127.0.0.1", "localhost", "[::1]"];
  const app = new TestApp(captioner, { maxImageBytes: DOGS.length, remoteImages: { hosts, fetch, ...options } });
  const ask = async (url: string) => await app.chat({ messages: [picture(url)], max_tokens: 24 });
  return { ask, asked, inits };
}
