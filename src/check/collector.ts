/**
 * Gathers Evidence: asks, stamps, digests, and lets the bytes go.
 * It decides nothing about what to ask next (client-hls, client-dash do) and never judges.
 * Invariant: what it keeps is bounded, however long it runs.
 */
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import type { Clock } from '../system/clock.ts';
import { messageOf } from '../system/errors.ts';
import type { CheckFetch } from './http-fetch.ts';
import { formatOf, type InitFacts, type MediaFacts, readInitFacts, readSegmentFacts } from './media-facts.ts';
import type { Exchange, HeaderMap, ListedAs, MediaObject, PlaylistSnapshot, Probe } from './model.ts';

const MAX_SNAPSHOTS = 400;
const MAX_OBJECTS = 100_000;
const MAX_FAILURES = 1000;
/** Content codings beyond this are not undone: a playlist is text of some hundred kilobytes. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

export interface Fetched extends Exchange {
  readonly body: Buffer;
}

export interface CollectorOptions {
  readonly fetch: CheckFetch;
  readonly clock: Clock;
  /** Ends all requests and waits. */
  readonly signal: AbortSignal;
}

export class Collector {
  readonly media: MediaObject[] = [];
  readonly probes: Probe[] = [];
  readonly failures: { url: string; atMs: number; reason: string }[] = [];
  readonly #options: CollectorOptions;
  readonly #inits = new Map<string, Promise<InitFacts | undefined>>();

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  nowMs(): number {
    return this.#options.clock.nowMs();
  }

  get stopped(): boolean {
    return this.#options.signal.aborted;
  }

  /** Resolves after ms, or at once when the check is stopped. */
  wait(ms: number): Promise<void> {
    const { clock, signal } = this.#options;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const end = (): void => {
        cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const cancel = clock.after(ms, end);
      signal.addEventListener('abort', end, { once: true });
    });
  }

  /** One request; undefined when there was no answer, which is recorded unless the check was stopped. */
  async ask(method: 'GET' | 'HEAD', url: string, headers: HeaderMap = {}): Promise<Fetched | undefined> {
    const sentMs = this.nowMs();
    try {
      const answer = await this.#options.fetch({
        method,
        url,
        headers: { 'user-agent': 'pitchside-check', origin: 'https://player.invalid', ...headers },
        signal: this.#options.signal,
      });
      return { url, status: answer.status, headers: answer.headers, sentMs, atMs: this.nowMs(), body: answer.body };
    } catch (thrown) {
      if (!this.stopped && this.failures.length < MAX_FAILURES)
        this.failures.push({ url, atMs: this.nowMs(), reason: `${method}: ${messageOf(thrown)}` });
      return undefined;
    }
  }

  /** A text as a player asks for it: gzip accepted, coding undone. */
  async text(url: string): Promise<(Exchange & { readonly text: string }) | undefined> {
    const fetched = await this.ask('GET', url, { 'accept-encoding': 'gzip' });
    if (fetched === undefined) return undefined;
    const { body, ...exchange } = fetched;
    try {
      const plain =
        exchange.headers['content-encoding'] === 'gzip' ? gunzipSync(body, { maxOutputLength: MAX_TEXT_BYTES }) : body;
      return { ...exchange, text: plain.toString('utf8') };
    } catch (thrown) {
      this.failures.push({ url, atMs: this.nowMs(), reason: `the gzip body cannot be read: ${messageOf(thrown)}` });
      return undefined;
    }
  }

  /** Downloads a segment or part; its header first, once per URL. */
  async object(role: 'segment' | 'part', url: string, listed: ListedAs): Promise<void> {
    const init = listed.initUrl === undefined ? undefined : await this.#init(listed.initUrl, listed);
    await this.#download(role, url, listed, (bytes) => readSegmentFacts(bytes, init));
  }

  #init(url: string, listed: ListedAs): Promise<InitFacts | undefined> {
    const known = this.#inits.get(url);
    if (known !== undefined) return known;
    const reading = this.#download('init', url, listed, readInitFacts).then((facts) =>
      facts?.kind === 'init' ? facts : undefined,
    );
    this.#inits.set(url, reading);
    return reading;
  }

  async #download(
    role: MediaObject['role'],
    url: string,
    listed: ListedAs,
    read: (bytes: Buffer) => MediaFacts,
  ): Promise<MediaFacts | undefined> {
    const fetched = await this.ask('GET', url);
    if (fetched === undefined) return undefined;
    const { body, ...exchange } = fetched;
    const { facts, unreadable } =
      exchange.status === 200 ? factsOf(body, read) : { facts: undefined, unreadable: undefined };
    if (this.media.length >= MAX_OBJECTS) this.media.shift();
    this.media.push({ ...exchange, role, byteLength: body.length, digest: digestOf(body), listed, facts, unreadable });
    return facts;
  }
}

function factsOf(
  body: Buffer,
  read: (bytes: Buffer) => MediaFacts,
): { facts: MediaFacts | undefined; unreadable: string | undefined } {
  const format = formatOf(body);
  if (format !== 'isobmff' && format !== 'unknown') return { facts: { kind: 'other', format }, unreadable: undefined };
  try {
    return { facts: read(body), unreadable: undefined };
  } catch (thrown) {
    return { facts: undefined, unreadable: messageOf(thrown) };
  }
}

export function digestOf(body: Buffer): string {
  return body.length === 0 ? '' : createHash('sha256').update(body).digest('hex');
}

/** Snapshots of one URL; equal neighbours are merged, and beyond the bound the second oldest goes. */
export class SnapshotList {
  readonly items: PlaylistSnapshot[] = [];
  #count = 0;

  add(answer: Exchange & { readonly text: string }): { readonly changed: boolean } {
    const last = this.items.at(-1);
    // what a cache answers was true Age seconds ago (RFC 9111 5.1)
    const lastSeenMs = answer.sentMs - (Number(answer.headers['age']) || 0) * 1000;
    if (last !== undefined && last.text === answer.text && last.status === answer.status) {
      this.items[this.items.length - 1] = { ...last, lastSeenMs: Math.max(last.lastSeenMs, lastSeenMs) };
      return { changed: false };
    }
    this.items.push({ ...answer, index: this.#count, lastSeenMs });
    this.#count += 1;
    if (this.items.length > MAX_SNAPSHOTS) this.items.splice(1, 1);
    return { changed: true };
  }
}
