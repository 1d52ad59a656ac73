/**
 * Everything that was served in a whole run, by URL: what a checker that looks at minutes cannot see.
 * It keeps digests and times, and bytes only of parts whose Segment is still to come. It never asks for anything.
 * Held to: one body a URL; tfdt without a step in a GEN; parts joined are their Segment; picture and sound end within one access unit;
 * EXT-X-MEDIA-SEQUENCE and EXT-X-DISCONTINUITY-SEQUENCE never fall, EXT-X-TARGETDURATION never changes, nor a line of the list.
 */
import { createHash } from 'node:crypto';
import { type InitFacts, readInitFacts, readSegmentFacts } from '../../src/check/media-facts.ts';

export interface LedgerFinding {
  readonly rule: string;
  readonly where: string;
  readonly message: string;
}

interface Span {
  readonly startTicks: number;
  readonly endTicks: number;
  readonly timescale: number;
  readonly isVideo: boolean;
}

interface Listed {
  mediaSequence: number;
  discontinuitySequence: number;
  target: string | undefined;
  newest: number;
  newestMs: number;
  /** When the last answer was in. */
  readMs: number;
  readonly lines: Map<number, string>;
}

const MEDIA = /^\/live\/([^/]+)\/([^/]+)\/([^/]+)\/(?:(init-\w+)\.mp4|(\d+)(?:\.(\d+))?\.m4s)$/;
/** One AAC access unit (1024 samples of 48 kHz), and what rounding to the ticks of either side may add. */
const APART_SECONDS = 1024 / 48_000 + 0.001;
const KEPT_NUMBERS = 40;
/**
 * RFC 8216bis 6.2.2 says 1.5 target durations between two new Segments, 3 s; by D-122 a fault may exceed it by a second while a
 * publisher's pictures are waited for. The rest is the reader's own delay on a busy machine.
 */
const ADVANCE_MS = 4_500;
/** With parts a late encoder is joined at the next part, so the half second for the reader is within it. */
const ADVANCE_LOW_MS = 4_000;
/** Between two slices nobody reads; a poller waits less. */
const PAUSE_MS = 2_500;

export class MediaLedger {
  readonly #digests = new Map<string, string>();
  readonly #inits = new Map<string, InitFacts>();
  /** By `CHANNEL/TRACK/GEN`, then number. */
  readonly #spans = new Map<string, Map<number, Span>>();
  /** By `CHANNEL/TRACK/GEN/NUMBER`: parts, by their ordinal. */
  readonly #parts = new Map<string, Map<number, Buffer>>();
  /** Segments whose last parts may still be asked for: DASH takes them whole before HLS has the last part. */
  readonly #wholes = new Map<string, Buffer>();
  readonly #lists = new Map<string, Listed>();
  readonly #findings = new Map<string, LedgerFinding>();
  joined = 0;
  /** The longest time between two new Segments of a list, by Channel, ms. */
  readonly longestAdvanceMs = new Map<string, number>();

  get objects(): number {
    return this.#digests.size;
  }

  /** One whole answer of 200. */
  takeMedia(path: string, body: Buffer): void {
    const match = MEDIA.exec(path);
    if (match === null) return;
    const [, channel, track, generation, init, number, part] = match;
    const digest = createHash('sha256').update(body).digest('base64');
    const known = this.#digests.get(path);
    if (known !== undefined) {
      if (known !== digest) this.#find('one-body', path, 'the URL has two bodies');
      return;
    }
    this.#digests.set(path, digest);
    const place = `${channel}/${track}/${generation}`;
    if (init !== undefined) this.#inits.set(place, readInitFacts(body));
    else if (part !== undefined) this.#takePart(`${place}/${number}`, Number(part), body);
    else this.#takeSegment(place, Number(number), body);
  }

  #takePart(segment: string, ordinal: number, body: Buffer): void {
    const parts = this.#parts.get(segment) ?? new Map<number, Buffer>();
    this.#parts.set(segment, parts.set(ordinal, body));
    this.#join(segment);
    forgetOldest(this.#parts);
  }

  #takeSegment(place: string, number: number, body: Buffer): void {
    const facts = readSegmentFacts(body, this.#inits.get(place));
    const run = facts.runs[0];
    if (run?.startTicks === undefined) {
      this.#find('tfdt', `${place}/${number}`, 'no tfdt');
      return;
    }
    const spans = this.#spans.get(place) ?? new Map<number, Span>();
    const isVideo = this.#inits.get(place)?.tracks[0]?.handler === 'vide';
    const { startTicks, durationTicks, timescale, worstGapTicks } = run;
    if (worstGapTicks !== 0) this.#find('tfdt', `${place}/${number}`, `a step of ${worstGapTicks} ticks inside`);
    this.#spans.set(place, spans.set(number, { startTicks, endTicks: startTicks + durationTicks, timescale, isVideo }));
    this.#wholes.set(`${place}/${number}`, body);
    this.#join(`${place}/${number}`);
    forgetOldest(this.#wholes);
  }

  #join(segment: string): void {
    const [parts, body] = [this.#parts.get(segment), this.#wholes.get(segment)];
    if (parts === undefined || body === undefined) return;
    let at = 0;
    for (let ordinal = 0; parts.has(ordinal); ordinal++) {
      const part = parts.get(ordinal) ?? Buffer.alloc(0);
      if (!part.equals(body.subarray(at, at + part.length)))
        this.#find('parts', `${segment}.${ordinal}`, `the part is not what its Segment says at byte ${at}`);
      at += part.length;
    }
    if (at < body.length) return;
    if (at > body.length) this.#find('parts', segment, 'its parts are longer than itself');
    this.joined++;
    this.#parts.delete(segment);
    this.#wholes.delete(segment);
  }

  /** A media playlist as it was answered; delta updates are left out. */
  takePlaylist(path: string, text: string, sentMs: number, nowMs: number): void {
    if (text.includes('#EXT-X-SKIP')) return;
    const tag = (name: string) => new RegExp(`^#EXT-X-${name}:(.*)$`, 'm').exec(text)?.[1];
    const mediaSequence = Number(tag('MEDIA-SEQUENCE'));
    const discontinuitySequence = Number(tag('DISCONTINUITY-SEQUENCE'));
    const known = this.#lists.get(path) ?? {
      ...{ mediaSequence, discontinuitySequence, target: tag('TARGETDURATION') },
      ...{ newest: Number.NaN, newestMs: nowMs, readMs: nowMs, lines: new Map() },
    };
    this.#lists.set(path, known);
    if (tag('TARGETDURATION') !== known.target) this.#find('target', path, 'EXT-X-TARGETDURATION changed');
    this.#takeLines(path, mediaSequence, text, known);
    this.#takeNewest(path, known, sentMs, nowMs);
    known.readMs = nowMs;
    known.mediaSequence = Math.max(known.mediaSequence, mediaSequence);
    known.discontinuitySequence = Math.max(known.discontinuitySequence, discontinuitySequence);
  }

  #takeNewest(path: string, known: Listed, sentMs: number, nowMs: number): void {
    const newest = Math.max(...known.lines.keys());
    if (newest === known.newest) return;
    const gapMs = Math.round(nowMs - known.newestMs);
    const wasRead = sentMs - known.readMs < PAUSE_MS;
    const channel = path.split('/')[2] ?? '';
    if (wasRead) this.longestAdvanceMs.set(channel, Math.max(gapMs, this.longestAdvanceMs.get(channel) ?? 0));
    if (gapMs > (channel === 'low' ? ADVANCE_LOW_MS : ADVANCE_MS) && wasRead)
      this.#find('advance', `${path} ${newest}`, `no Segment after ${known.newest} for ${gapMs} ms`);
    known.newest = newest;
    known.newestMs = nowMs;
  }

  #takeLines(path: string, mediaSequence: number, text: string, known: Listed): void {
    const entries = [...text.matchAll(/^#EXTINF:([\d.]+),[^\n]*\n(?:#[^\n]*\n)*([^#\n]+)$/gm)];
    const target = Number(known.target);
    entries.forEach(([, seconds, uri], i) => {
      const number = mediaSequence + i;
      const line = `${seconds} ${uri}`;
      if (Math.round(Number(seconds)) > target) this.#find('target', path, `${line} is longer than ${target}`);
      if ((known.lines.get(number) ?? line) !== line)
        this.#find('lines', path, `number ${number} was "${known.lines.get(number)}", is "${line}"`);
      known.lines.set(number, line);
    });
    for (const number of known.lines.keys()) {
      if (number >= mediaSequence - KEPT_NUMBERS) break;
      known.lines.delete(number);
    }
  }

  /** A sequence number that falls, between answers of which the second was asked for after the first was in. */
  takeSequences(path: string, before: string | undefined, text: string): void {
    if (before === undefined) return;
    for (const name of ['MEDIA-SEQUENCE', 'DISCONTINUITY-SEQUENCE']) {
      const of = (list: string) => Number(new RegExp(`^#EXT-X-${name}:(\\d+)`, 'm').exec(list)?.[1]);
      if (of(text) < of(before)) this.#find('sequence', path, `EXT-X-${name} fell from ${of(before)} to ${of(text)}`);
    }
  }

  /** All that can be said once the run is over. */
  findings(): readonly LedgerFinding[] {
    for (const [place, spans] of this.#spans) this.#judgeContinuity(place, spans);
    this.#judgeApart();
    return [...this.#findings.values()];
  }

  #judgeContinuity(place: string, spans: ReadonlyMap<number, Span>): void {
    for (const [number, { endTicks }] of spans) {
      const next = spans.get(number + 1);
      if (next !== undefined && next.startTicks !== endTicks)
        this.#find('tfdt', `${place}/${number + 1}`, `begins ${next.startTicks - endTicks} ticks after ${number} ends`);
    }
  }

  #judgeApart(): void {
    const all = [...this.#spans].map(([place, spans]) => ({
      place,
      spans,
      isVideo: spans.values().next().value?.isVideo,
    }));
    const beside = ({ place }: { place: string }, other: { place: string }) => {
      const [[channel, , generation], [otherChannel, , otherGeneration]] = [place.split('/'), other.place.split('/')];
      return channel === otherChannel && generation === otherGeneration;
    };
    for (const sound of all.filter(({ isVideo }) => isVideo === false))
      for (const picture of all.filter((one) => one.isVideo === true && beside(sound, one)))
        for (const [number, { endTicks, timescale }] of sound.spans) {
          const of = picture.spans.get(number);
          const apart = of === undefined ? 0 : endTicks / timescale - of.endTicks / of.timescale;
          if (Math.abs(apart) > APART_SECONDS)
            this.#find('apart', `${sound.place}/${number}`, `sound ends ${apart.toFixed(4)} s after the picture`);
        }
  }

  #find(rule: string, where: string, message: string): void {
    const key = `${rule} ${where}`;
    if (!this.#findings.has(key) && this.#findings.size < 500) this.#findings.set(key, { rule, where, message });
  }
}

function forgetOldest(held: Map<string, unknown>): void {
  const oldest = held.keys().next();
  if (held.size > KEPT_NUMBERS * 12 && !oldest.done) held.delete(oldest.value);
}
