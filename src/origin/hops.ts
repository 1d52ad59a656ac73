/**
 * Who asks: IP addresses and the chain of proxies that vouch for them, as pure functions.
 * It never looks anything up and believes no field but the one that the trusted proxies write, because the other is what a
 * client may make up. Invariant: an address is believed only when each hop behind it is a trusted proxy.
 */
import { BlockList, isIP } from 'node:net';

/** Membership of `address` in a list of addresses and CIDR blocks. */
export type AddressList = (address: string) => boolean;

/** The plain form: without brackets, port and zone; an IPv4 address inside of IPv6 (RFC 4291 2.5.5.2) as IPv4. Undefined: none. */
export function plainAddress(text: string): string | undefined {
  const [, bracketed, bare] = /^(?:\[([^\]]*)\](?::\d{1,5})?|([^[\]]*))$/.exec(text.trim()) ?? [];
  let address = bracketed ?? bare ?? '';
  if (bracketed === undefined && /^[^:]*:\d{1,5}$/.test(address)) address = address.slice(0, address.lastIndexOf(':'));
  address = address.replace(/%.*$/, '').toLowerCase();
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/.exec(address)?.[1];
  address = mapped ?? address;
  return isIP(address) === 0 ? undefined : address;
}

/** `203.0.113.0/24`, `2001:db8::/32`, `192.0.2.7`: undefined when it is none of these. */
export function parseBlock(text: string): { readonly address: string; readonly prefix: number } | undefined {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || address.includes('%')) return undefined;
  const longest = family === 4 ? 32 : 128;
  if (prefix === undefined) return { address, prefix: longest };
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= longest ? { address, prefix: Number(prefix) } : undefined;
}

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** Blocks that cannot be read are a fault of the caller: RangeError. */
export function addressList(blocks: readonly string[]): AddressList {
  const list = new BlockList();
  for (const text of blocks) {
    const block = parseBlock(text);
    if (block === undefined) throw new RangeError(`${text} is no address block`);
    list.addSubnet(block.address, block.prefix, familyOf(block.address));
  }
  return (address) => list.check(address, familyOf(address));
}

/** Which proxies are believed, and the one field that they write. */
export interface ProxyTrust {
  readonly addresses: readonly string[];
  readonly field: 'x-forwarded-for' | 'forwarded';
}

/** Most entries of a forwarding field that are looked at, from its end. */
const MOST_HOPS = 16;

/**
 * The addresses that are known, nearest first: the peer of the socket, and while that is a trusted proxy, the one it names.
 * Entries are appended by each proxy, so the list is read from its end (RFC 7239 7.4).
 */
export function hopsOf(
  peer: string | undefined,
  field: string | undefined,
  trust: ProxyTrust['field'],
  isProxy: AddressList,
): readonly string[] {
  const nearest = plainAddress(peer ?? '');
  if (nearest === undefined) return [];
  const hops = [nearest];
  if (field === undefined) return hops;
  const named = trust === 'forwarded' ? forwardedFor(field) : field.split(',');
  for (const text of named.slice(-MOST_HOPS).reverse()) {
    const before = hops[hops.length - 1];
    if (before === undefined || !isProxy(before)) break;
    const address = plainAddress(text);
    // `unknown` and obfuscated names (RFC 7239 6.2, 6.3) end what is known.
    if (address === undefined) break;
    hops.push(address);
  }
  return hops;
}

/** The `for` of each element (RFC 7239 4), in order; an element without one is an empty text. */
function forwardedFor(field: string): string[] {
  const elements = field.match(/(?:"(?:\\.|[^"\\])*"|[^,"])+/g) ?? [];
  return elements.map((element) => {
    const pair = /(?:^|;)\s*for\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s;,"]+))/i.exec(element);
    return pair?.[1]?.replace(/\\(.)/g, '$1') ?? pair?.[2] ?? '';
  });
}
