/**
 * Pictures by URL never reach what is not on the open internet: every spelling of an address, in the URL itself, behind a
 * redirect, and as what a name resolves to, even where the operator's list of hosts would let it through.
 *
 * What is promised of names: where the adapter can ask for a name's addresses, it asks for each hop, every address must be
 * public, and a name without any is refused. What is not: that the connection goes to the address that was judged.
 */
import assert from "node:assert/strict";
import { openSmall } from "../sdk/small_model.ts";
import { errorOf } from "./app.ts";
import { type Answer, dogs, internetOf, PARAM, to } from "./internet.ts";

const captioner = await openSmall();
const [HOST, START] = ["images.example.com", "https://images.example.com/a"];

/** By the block that they are in: spellings of a URL's host. */
const SPELLINGS: Record<string, readonly string[]> = {
  "this machine": [
    ...["127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "127.0.0.1.", "localhost", "localhost.", "a.localhost"],
    ...["2130706433", "017700000001", "0x7f000001", "0x7f.1", "0x7F.0x0.0x0.0x1", "0177.0.0.1", "0177.0x0.0.1"],
    ...["①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1", "%31%32%37.0.0.1", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]"],
    ...["0", "0.0.0.0", "0.1.2.3"],
  ],
  "IPv4 within IPv6": [
    ...["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]"],
    ...["[64:ff9b::7f00:1]", "[64:ff9b::10.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]"],
    ...["[::ffff:169.254.169.254]", "[::ffff:a00:1]", "[2001:0:7f00:1::]"],
  ],
  "the link, with clouds' metadata": [
    ...["169.254.169.254", "169.254.0.1", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "[fe80::1]", "[febf::1]"],
    ...["[fd00:ec2::254]", "metadata.google.internal", "instance-data"],
  ],
  "private networks": [
    ...["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.0.1", "0xc0a80001", "100.64.0.1"],
    ...["100.127.255.254", "[fc00::1]", "[fdff::1]", "[fec0::1]", "router.lan", "nas.home.arpa", "printer.local"],
  ],
  "what is kept for other things": [
    ...["192.0.0.1", "192.0.0.170", "192.0.2.1", "198.18.0.1", "198.19.255.254", "198.51.100.1", "203.0.113.1"],
    ...["192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "[ff02::1]", "[2001:db8::1]", "[100::1]"],
    ...["[2001:2::1]", "[2001:20::1]", "[3fff::1]", "[5f00::1]"],
  ],
};

for (const [block, spellings] of Object.entries(SPELLINGS)) {
  Deno.test(`SSRF: ${block}: no spelling is asked for, first or after a redirect`, async () => {
    for (const spelling of spellings) {
      const url = `https://${spelling}/a`;
      // an operator who lets everything through
      const hosts = [HOST, new URL(url).hostname, new URL(url).hostname.replace(/\.$/, "")];
      const direct = internetOf(captioner, {}, { hosts });
      await errorOf(await direct.ask(url), 400, "remote_image_refused", PARAM);
      assert.deepEqual(direct.asked, [], spelling);
      // a header has no letters beyond Latin-1
      const sent = url.replace(/[^\x20-\x7e]/g, encodeURIComponent);
      for (const location of [sent, sent.slice("https:".length)]) {
        const hop = internetOf(captioner, { [START]: to(location) }, { hosts });
        await errorOf(await hop.ask(START), 400, "remote_image_refused", PARAM);
        assert.deepEqual(hop.asked, [START], spelling);
      }
    }
  });

  Deno.test(`SSRF: ${block}: a name that resolves there is not asked for`, async () => {
    const addresses = spellings.map((spelling) => new URL(`https://${spelling}/`).hostname.replace(/^\[|\]$/g, ""));
    for (const address of addresses.filter((text) => /^[\d.]+$|:/.test(text))) {
      for (const list of [[address], ["93.184.216.34", address], [address, "2606:4700::1"]]) {
        const { ask, asked } = internetOf(captioner, { [START]: dogs }, { resolve: () => Promise.resolve(list) });
        await errorOf(await ask(START), 400, "remote_image_refused", PARAM);
        assert.deepEqual(asked, [], address);
      }
    }
  });
}

Deno.test("SSRF: other schemes and tricks with a URL's parts are refused before anything is asked for", async () => {
  const urls = [
    ...["http://images.example.com/a", "file:///etc/passwd", "ftp://images.example.com/a", "gopher://127.0.0.1:25/_"],
    ...[
      "https://images.example.com@127.0.0.1/",
      "https://images.example.com:x@127.0.0.1/",
      "https://127.0.0.1#@images.example.com/",
    ],
    ...[
      "https://127.0.0.1?@images.example.com",
      "https://127.0.0.1\\@images.example.com/",
      "https://images.example.com.evil.org/",
    ],
    ...[
      "https://evilimages.example.com/",
      "https://[::1%25eth0]/",
      "https://images.example.com%00.evil.org/",
      "https:///etc",
    ],
  ];
  for (const url of urls) {
    const { ask, asked } = internetOf(captioner, {});
    const response = await ask(url);
    assert.equal(response.status, 400, url);
    assert.match((await response.json()).error.code, /^(remote_image_refused|invalid_value)$/, url);
    assert.deepEqual(asked, [], url);
  }
});

Deno.test("SSRF: a service of names that spell addresses is refused by the list, and by what they resolve to", async () => {
  const url = "https://127.0.0.1.nip.example/a";
  const unlisted = internetOf(captioner, { [url]: dogs });
  await errorOf(await unlisted.ask(url), 400, "remote_image_refused", PARAM);
  const listed = internetOf(captioner, { [url]: dogs }, {
    hosts: ["*.nip.example"],
    resolve: (host) => Promise.resolve([host.replace(".nip.example", "")]),
  });
  await errorOf(await listed.ask(url), 400, "remote_image_refused", PARAM);
  assert.deepEqual([...unlisted.asked, ...listed.asked], []);
});

Deno.test("SSRF: a name without an address, or whose addresses cannot be asked for, is not fetched", async () => {
  const none = internetOf(captioner, { [START]: dogs }, { resolve: () => Promise.resolve([]) });
  await errorOf(await none.ask(START), 400, "remote_image_refused", PARAM);
  const failing = internetOf(captioner, { [START]: dogs }, {
    resolve: () => Promise.reject(new Error("secret server")),
  });
  const { message } = await errorOf(await failing.ask(START), 400, "remote_image_failed", PARAM);
  assert.ok(!message.includes("secret"), message);
  assert.deepEqual([...none.asked, ...failing.asked], []);
});

Deno.test("SSRF: a name is judged anew for each hop: one that has become private meanwhile is not asked again", async () => {
  const answers = [["93.184.216.34"], ["127.0.0.1"]];
  const names: string[] = [];
  const resolve = (host: string) => {
    names.push(host);
    return Promise.resolve(answers[Math.min(names.length, answers.length) - 1]!);
  };
  const pages: Record<string, Answer> = { [START]: to("/b"), "https://images.example.com/b": dogs };
  const { ask, asked } = internetOf(captioner, pages, { resolve });
  await errorOf(await ask(START), 400, "remote_image_refused", PARAM);
  assert.deepEqual([names, asked], [[HOST, HOST], [START]]);
  await errorOf(await ask(START), 400, "remote_image_refused", PARAM);
  assert.deepEqual(asked, [START], "a later request finds it private at once");
});

Deno.test("SSRF: what is not promised: the name may change between the question and the request", async () => {
  const names: string[] = [];
  const resolve = (host: string) => Promise.resolve([names.push(host) === 1 ? "93.184.216.34" : "127.0.0.1"]);
  const { ask, asked } = internetOf(captioner, { [START]: dogs }, { resolve });
  assert.equal((await ask(START)).status, 200);
  // the URL goes to fetch with its name, which is asked for again there; the list of hosts is what says whom to trust
  assert.deepEqual([names, asked], [[HOST], [START]]);
});
