/**
 * Stream keys: how they are hashed for the exposed process, and which channel a stream name opens.
 * The plain secrets never cross to the RTMP child; it holds a KeyTable. Nothing here logs.
 * Invariant: a channel without a secret cannot be published to.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ChannelKeys } from './model.ts';

/** Keys as salted hashes: HMAC-SHA256(salt, secret), hex. */
export interface KeyTable {
  readonly salt: string;
  readonly entries: readonly {
    readonly channel: string;
    readonly hash: string;
    /** A second publisher replaces the first. */
    readonly replaces: boolean;
  }[];
}

export type KeyVerdict =
  | { readonly kind: 'admitted'; readonly channel: string; readonly replaces: boolean }
  | {
      readonly kind: 'refused';
      readonly reason: 'no-key' | 'wrong-key' | 'ambiguous-key';
    };

function hashOf(salt: string, secret: string): string {
  return createHmac('sha256', salt).update(secret).digest('hex');
}

/** `salt` is fresh randomness of the caller; empty secrets are left out. */
export function hashKeys(keys: readonly ChannelKeys[], salt: string): KeyTable {
  const entries = keys.flatMap(({ channel, secrets, replaces = false }) =>
    secrets.filter((secret) => secret !== '').map((secret) => ({ channel, hash: hashOf(salt, secret), replaces })),
  );
  return { salt, entries };
}

/** The channels whose secret this is; every entry is compared, each in constant time. */
function channelsOf(table: KeyTable, secret: string): Set<string> {
  const given = Buffer.from(hashOf(table.salt, secret), 'hex');
  const found = new Set<string>();
  for (const { channel, hash } of table.entries) {
    const expected = Buffer.from(hash, 'hex');
    if (expected.length === given.length && timingSafeEqual(expected, given)) found.add(channel);
  }
  return found;
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A secret may contain a bare per cent sign.
  }
}

/** `CHANNEL?key=SECRET`, or the bare secret where it names exactly one channel. */
export function admitStreamName(table: KeyTable, streamName: string): KeyVerdict {
  const question = streamName.indexOf('?');
  const query = question < 0 ? '' : streamName.slice(question + 1);
  const field = query.split('&').find((part) => part.startsWith('key='));
  if (field === undefined) {
    const channels = [...channelsOf(table, streamName)];
    const [only] = channels;
    if (channels.length > 1) return { kind: 'refused', reason: 'ambiguous-key' };
    if (only !== undefined) return admitted(table, only);
    return { kind: 'refused', reason: 'no-key' };
  }
  const channel = streamName.slice(0, question);
  const secret = field.slice('key='.length);
  const plain = channelsOf(table, secret).has(channel);
  const decoded = channelsOf(table, percentDecoded(secret)).has(channel);
  return plain || decoded ? admitted(table, channel) : { kind: 'refused', reason: 'wrong-key' };
}

function admitted(table: KeyTable, channel: string): KeyVerdict {
  const replaces = table.entries.some((entry) => entry.channel === channel && entry.replaces);
  return { kind: 'admitted', channel, replaces };
}
