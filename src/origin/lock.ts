/**
 * The origin's lock: only its CDN may ask. A secret in a header field that the CDN adds, or an address of the CDN; one is enough.
 * It never says which of the two was wrong and never keeps what was given. Invariant: secrets are compared in constant time,
 * all of them each time; without secrets and addresses the door is open.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type AddressList, addressList, hopsOf, type ProxyTrust } from './hops.ts';

export interface OriginLock {
  /** Name of the field that the CDN adds, in any case. */
  readonly header: string;
  /** Two while one is being changed for the other. */
  readonly secrets: readonly string[];
  /** Addresses and CIDR blocks of the CDN. */
  readonly addresses: readonly string[];
}

export interface Gatekeeper {
  /** Known addresses of who asks, nearest first; empty when the socket is gone. */
  hops(request: IncomingMessage): readonly string[];
  admits(request: IncomingMessage): boolean;
}

export interface GatekeeperOptions {
  readonly lock?: OriginLock | undefined;
  readonly proxies?: ProxyTrust | undefined;
}

const NOBODY: AddressList = () => false;

export function createGatekeeper({ lock, proxies }: GatekeeperOptions): Gatekeeper {
  const isProxy = proxies === undefined ? NOBODY : addressList(proxies.addresses);
  const trusted = proxies?.field ?? 'x-forwarded-for';
  const hops = (request: IncomingMessage): readonly string[] => {
    const field = proxies === undefined ? undefined : textOf(request.headers[trusted]);
    return hopsOf(request.socket.remoteAddress, field, trusted, isProxy);
  };
  if (lock === undefined || lock.secrets.length + lock.addresses.length === 0) return { hops, admits: () => true };
  const digests = lock.secrets.map(digest);
  const isCdn = addressList(lock.addresses);
  const header = lock.header.toLowerCase();
  return {
    hops,
    admits(request) {
      if (knows(digests, textOf(request.headers[header]))) return true;
      return lock.addresses.length > 0 && hops(request).some(isCdn);
    },
  };
}

/** Digests are of one length, so that neither length nor content of a secret shows in the time it takes. */
function knows(digests: readonly Buffer[], given: string | undefined): boolean {
  if (given === undefined || digests.length === 0) return false;
  const asked = digest(given);
  let isKnown = false;
  for (const one of digests) if (timingSafeEqual(one, asked)) isKnown = true;
  return isKnown;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
