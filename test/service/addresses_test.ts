import assert from "node:assert/strict";
import { isPublicAddress, isPublicHost } from "../../src/service/addresses.ts";

const hostOf = (host: string) => new URL(`https://${host}/`).hostname;

Deno.test("isPublicHost() refuses every spelling of addresses that are not on the open internet", () => {
  const hosts = [
    ...["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0", "0.0.0.0"],
    ...["127.0.0.1.", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "169.254.169.254"],
    ...["192.0.0.192", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.9", "224.0.0.1"],
    ...["255.255.255.255", "１２７.0.0.1", "127。0。0。1"],
    ...["[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[fc00::1]", "[fdff::1]", "[fe80::1]", "[febf::1]", "[ff02::1]"],
    ...["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:a9fe:a9fe]", "[::127.0.0.1]", "[64:ff9b::10.0.0.1]"],
    ...["[2002:7f00:1::]", "[2002:c0a8:101::1]", "[2001:db8::1]", "[2001::1]", "[2001:10::1]", "[100::1]", "[3fff::1]"],
    ...[
      "localhost",
      "LOCALHOST.",
      "a.localhost",
      "printer.local",
      "metadata.google.internal",
      "router.lan",
      "intranet",
    ],
    ...["nas.home.arpa", "x.test", "a.invalid", "instance-data"],
  ].map(hostOf);
  assert.deepEqual(hosts.filter(isPublicHost), []);
});

Deno.test("isPublicHost() lets through what is on the open internet", () => {
  const hosts = [
    ...[
      "example.com",
      "example.com.",
      "localhost.example.com",
      "xn--bcher-kva.example",
      "8.8.8.8",
      "1.1.1.1",
      "11.0.0.1",
    ],
    ...["172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "169.253.0.1", "192.169.0.1", "223.255.255.255"],
    ...[
      "[2606:4700:4700::1111]",
      "[2a00:1450:4001:82f::200e]",
      "[::ffff:8.8.8.8]",
      "[64:ff9b::8.8.8.8]",
      "[2002:808:808::1]",
    ],
  ].map(hostOf);
  assert.deepEqual(hosts.filter((host) => !isPublicHost(host)), []);
});

Deno.test("isPublicAddress() takes resolvers' texts, and nothing that is no address", () => {
  for (
    const address of ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "2606:4700::6810:84e5", "1:2:3:4:5:6:7:8"]
  ) {
    assert.equal(isPublicAddress(address), !address.startsWith("1:"), address);
  }
  const others = [
    "",
    "x",
    "1",
    "1.2.3",
    ":::",
    "1::2::3",
    "1:2:3",
    "12345::",
    "fe80::1%eth0",
    "::1%lo",
    "2606:1:2:3:4:5:6:7:8",
  ];
  for (const address of others) assert.equal(isPublicAddress(address), false, address);
});
