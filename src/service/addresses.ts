/**
 * Which hosts are on the open internet, as far as their spelling says. URL parsers have brought every spelling of an IPv4
 * address (hex, octal, one number) to four decimal parts before, as the URL standard wants it.
 */

/** First address and prefix length of blocks that are not globally reachable: IANA's special-purpose registry, RFC 6890. */
const IPV4_BLOCKS: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];

/** Names that never mean a host of the open internet (RFC 6761, RFC 6762, RFC 8375, and clouds' metadata). */
const LOCAL_NAMES = /(^|\.)(localhost|local|internal|intranet|lan|home|corp|test|invalid|onion|home\.arpa)$/;

/** @param host As in `URL.hostname`: IPv6 addresses in brackets. True for names whose addresses are not known here. */
export function isPublicHost(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  if (name.startsWith("[")) return isPublicAddress(name.slice(1, -1));
  if (isIpv4(name)) return isPublicAddress(name);
  return name.includes(".") && !LOCAL_NAMES.test(name);
}

/** @param address IPv4 in four decimal parts, or IPv6 without brackets; anything else is not public. */
export function isPublicAddress(address: string): boolean {
  if (isIpv4(address)) return isPublicIpv4(ipv4Number(address));
  const groups = ipv6Groups(address);
  if (!groups) return false;
  const [a, b, c] = groups as [number, number, number];
  const lower = (groups[6]! * 2 ** 16 + groups[7]!) >>> 0;
  // the well-known prefix of NAT64, and 6to4: an IPv4 address inside
  if (a === 0x64 && b === 0xff9b && groups.slice(2, 6).every((group) => group === 0)) return isPublicIpv4(lower);
  if (a === 0x2002) return isPublicIpv4((b * 2 ** 16 + c) >>> 0);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return isPublicIpv4(lower);
  // what IANA gives out as global unicast, less Teredo, benchmarking, ORCHID and documentation
  if ((a & 0xe000) !== 0x2000) return false;
  return !(a === 0x2001 && (b < 0x200 || b === 0xdb8)) && !(a === 0x3fff && b < 0x1000);
}

function isIpv4(text: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(text);
}

function ipv4Number(text: string): number {
  return text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function isPublicIpv4(address: number): boolean {
  return IPV4_BLOCKS.every(([first, bits]) => {
    const size = 2 ** (32 - bits);
    return Math.floor(address / size) !== Math.floor(ipv4Number(first) / size);
  });
}

/** Eight numbers of 16 bits; undefined for what is no IPv6 address. */
function ipv6Groups(text: string): number[] | undefined {
  const [address] = text.split("%");
  const dotted = /^(.*:)(\d{1,3}(?:\.\d{1,3}){3})$/.exec(address!);
  const tail = dotted ? ipv4Number(dotted[2]!) : 0;
  const hex = dotted ? `${dotted[1]}${(tail >>> 16).toString(16)}:${(tail & 0xffff).toString(16)}` : address!;
  if (!/^[0-9a-f:]+$/i.test(hex)) return undefined;
  const halves = hex.split("::").map((half) => half === "" ? [] : half.split(":"));
  if (halves.length > 2) return undefined;
  const [front, back = []] = halves as [string[], string[]?];
  const missing = 8 - front.length - back.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...front, ...Array(halves.length === 2 ? missing : 0).fill("0"), ...back].map((g) => parseInt(g, 16));
  return groups.every((group) => group >= 0 && group <= 0xffff) ? groups : undefined;
}
