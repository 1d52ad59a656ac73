/**
 * What the service and its RTMP child say to each other on the control connection: JSON, one message a line.
 * It never carries media or plain stream keys. The child faces the network, so the service checks every field it reads.
 */
import type { RtmpLimits } from './child/limits.ts';
import type { KeyTable } from './stream-keys.ts';

const REFUSAL_REASONS = [
  'too-many-connections',
  'too-many-names',
  'timeout',
  'protocol',
  'unknown-application',
  'player',
  'no-key',
  'wrong-key',
  'ambiguous-key',
  'already-publishing',
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

const PUBLISH_END_REASONS = ['publisher-gone', 'closed', 'idle', 'protocol', 'replaced', 'slow-consumer'] as const;
export type PublishEndReason = (typeof PUBLISH_END_REASONS)[number];

/** Reasons become labels of metrics, so there are these and no others. */
const REASONS: Readonly<Record<string, readonly unknown[]>> = {
  refused: REFUSAL_REASONS,
  'publish-end': PUBLISH_END_REASONS,
};

/** Where to listen for RTMP over TLS, and with which PEM texts. */
export interface TlsListen {
  readonly host: string;
  readonly port: number;
  readonly certificate: string;
  readonly key: string;
}

/** Rises with any change that the other side would not understand; `leave` is understood by all. */
export const LINK_VERSION = 1;

/** Where a media tag of a publish was put: what carries its Anchor on to the next service. */
export interface PlacedTag {
  /** RTMP stamp: ms modulo 2^32. */
  readonly stamp: number;
  /** Its media time on the monotonic clock of the machine, us: comparable between services, as UTC is not. */
  readonly mediaUs: number;
}

/** Where the origin listens. */
export interface HttpPort {
  readonly host: string;
  readonly port: number;
}

export interface Hello {
  readonly kind: 'hello';
  readonly version: number;
  /** Hash of hosts and certificate: another one needs another child, as do other ports, unless 0 leaves them open. */
  readonly listenKey: string;
  readonly host: string;
  readonly port: number;
  readonly limits: RtmpLimits;
  readonly keys: KeyTable;
  readonly tls?: TlsListen | undefined;
  /** How long publishers are kept without a service; 0: the child ends with it. */
  readonly holdMs: number;
}

export type ToChild =
  | Hello
  | { readonly kind: 'keys'; readonly keys: KeyTable }
  | { readonly kind: 'close'; readonly id: string; readonly reason: string }
  /** About once a second of each publish. */
  | { readonly kind: 'placed'; readonly id: string; readonly tag: PlacedTag }
  | { readonly kind: 'ping' }
  /** Who asks there while there is no service waits for the next one; without it nobody does. */
  | { readonly kind: 'http'; readonly at: HttpPort | undefined }
  /** The service is about to end and does not listen any more. */
  | { readonly kind: 'http-gap' }
  /** First line of a connection of its own, of a service that starts: it wants the port, is told `yielded`, and tells when it has it. */
  | { readonly kind: 'http-yield' }
  | { readonly kind: 'http-taken' }
  /** Ends the child and its publishers at once. */
  | { readonly kind: 'leave' }
  /** First and only line of a publish's own connection; frames come back. */
  | { readonly kind: 'attach'; readonly id: string };

/** The answer to `http-yield`. */
export const HTTP_YIELDED = 'yielded\n';

export type FromChild =
  /** `tlsPort` is 0 where there is no RTMPS; `publishes` are in already, and told next. */
  | {
      readonly kind: 'listening';
      readonly port: number;
      readonly tlsPort: number;
      readonly pid: number;
      readonly publishes: number;
    }
  /** The answer to a hello of another version or for other ports, or while another service is there. */
  | { readonly kind: 'unfit'; readonly pid: number; readonly version: number }
  | {
      readonly kind: 'listen-failed';
      readonly port: number;
      readonly code: string;
      readonly message: string;
    }
  | {
      readonly kind: 'publish-begin';
      readonly id: string;
      readonly channel: string;
      readonly address: string;
      /** Monotonic us. */
      readonly beganUs: number;
      /** Of the service before. */
      readonly placed?: PlacedTag;
    }
  | {
      readonly kind: 'publish-end';
      readonly id: string;
      readonly reason: PublishEndReason;
      readonly detail: string;
    }
  | {
      readonly kind: 'refused';
      readonly reason: RefusalReason;
      readonly address: string;
    }
  | { readonly kind: 'pong' };

const FIELDS: Readonly<Record<FromChild['kind'], Record<string, string>>> = {
  listening: { port: 'number', tlsPort: 'number', pid: 'number', publishes: 'number' },
  unfit: { pid: 'number', version: 'number' },
  'listen-failed': { port: 'number', code: 'string', message: 'string' },
  'publish-begin': { id: 'string', channel: 'string', address: 'string', beganUs: 'number' },
  'publish-end': { id: 'string', reason: 'string', detail: 'string' },
  refused: { reason: 'string', address: 'string' },
  pong: {},
};

export function encodeLine(message: ToChild | FromChild): string {
  return `${JSON.stringify(message)}\n`;
}

/** A message of the child, or undefined where a line is not one. */
export function parseFromChild(line: string): FromChild | undefined {
  const value = parseObject(line);
  const kind = value?.['kind'];
  if (value === undefined || typeof kind !== 'string') return undefined;
  const fields = Object.hasOwn(FIELDS, kind) ? FIELDS[kind as FromChild['kind']] : undefined;
  if (fields === undefined) return undefined;
  for (const [name, type] of Object.entries(fields)) if (typeof value[name] !== type) return undefined;
  if (REASONS[kind]?.includes(value['reason']) === false) return undefined;
  if (value['placed'] !== undefined && !isPlacedTag(value['placed'])) return undefined;
  return value as unknown as FromChild;
}

function isPlacedTag(value: unknown): value is PlacedTag {
  const { stamp, mediaUs } = (value ?? {}) as Partial<Record<string, unknown>>;
  return Number.isFinite(stamp) && Number.isFinite(mediaUs);
}

/** A message of the service, which the child trusts. */
export function parseToChild(line: string): ToChild | undefined {
  const value = parseObject(line);
  return value === undefined ? undefined : (value as unknown as ToChild);
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // Not JSON is answered like any other unknown line.
  }
}

/** Cuts bytes into lines, however they arrive. `push` gives the whole lines; throws above maxBytes of one line. */
export class LineReader {
  #rest = '';
  readonly #maxCharacters: number;

  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
  }

  push(text: string): string[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > this.#maxCharacters) throw new RangeError('a line of the link is too long');
    return lines;
  }
}
