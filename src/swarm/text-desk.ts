/**
 * Reads each text once for all viewers: the same bytes under the same address are the same object to everybody.
 * It never keeps media. Invariant: it keeps at most TEXTS_KEPT bodies of an address, and ADDRESSES_KEPT addresses.
 */
import { gunzipSync } from 'node:zlib';
import { contentHash } from '../system/ids.ts';
import { readDash } from './dash-list.ts';
import { readHls } from './hls-list.ts';
import type { AskKind, TextFacts } from './model.ts';

const TEXTS_KEPT = 4;
const ADDRESSES_KEPT = 256;
/** A longer text is no playlist. */
const TEXT_MAX_BYTES = 16 * 1024 * 1024;

interface Kept {
  readonly body: Buffer;
  readonly facts: TextFacts | undefined;
}

export class TextDesk {
  readonly #kept = new Map<string, Kept[]>();

  /** Undefined: not what was asked for. `body` as sent, gzip or not. */
  read(kind: AskKind, url: string, body: Buffer, isGzip: boolean, nowMs: number): TextFacts | undefined {
    if (kind === 'time') return utcOf(body.toString('utf8'), nowMs);
    const address = url.split('?', 1)[0] ?? url;
    const known = this.#kept.get(address) ?? [];
    const same = known.find((kept) => kept.body.equals(body));
    if (same !== undefined) return same.facts;
    const facts = factsOf(kind, address, body, isGzip);
    if (!this.#kept.has(address) && this.#kept.size >= ADDRESSES_KEPT) {
      const [oldest] = this.#kept.keys();
      if (oldest !== undefined) this.#kept.delete(oldest);
    }
    this.#kept.set(address, [{ body, facts }, ...known].slice(0, TEXTS_KEPT));
    return facts;
  }
}

function factsOf(kind: AskKind, url: string, body: Buffer, isGzip: boolean): TextFacts | undefined {
  const text = textOf(body, isGzip);
  if (text === undefined) return undefined;
  const revision = contentHash([text]);
  if (kind === 'mpd') {
    const mpd = readDash(text, url, revision);
    return mpd === undefined ? undefined : { kind: 'mpd', mpd };
  }
  const reading = readHls(text, url, revision);
  return reading.kind === 'nothing' ? undefined : reading;
}

function textOf(body: Buffer, isGzip: boolean): string | undefined {
  if (!isGzip) return body.toString('utf8');
  try {
    return gunzipSync(body, { maxOutputLength: TEXT_MAX_BYTES }).toString('utf8');
  } catch {
    // Not gzip, whatever it said: the viewer has no text, and takes it for a failure.
    return undefined;
  }
}

function utcOf(text: string, nowMs: number): TextFacts | undefined {
  const utcMs = Date.parse(text.trim());
  // A clock that is a day off is a page in its place.
  return Math.abs(utcMs - nowMs) < 86_400_000 ? { kind: 'utc', utcMs } : undefined;
}
