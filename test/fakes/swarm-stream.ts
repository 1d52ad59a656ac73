/**
 * A live stream by arithmetic, as texts that a viewer reads: Segments on a grid of UTC, parts where wanted, an MPD, blocking reload.
 * And a theatre that plays viewers before it, event by event, without a clock, a socket or a timer.
 */
import type { Answer, Ask, TextFacts, ViewerKind } from '../../src/swarm/model.ts';
import { seedOf } from '../../src/swarm/seeded.ts';
import { TextDesk } from '../../src/swarm/text-desk.ts';
import { newViewer, stepViewer, type Viewer } from '../../src/swarm/viewer.ts';

/** An instant at which a Segment of 2 s begins. */
export const NOON_MS = 1_795_291_200_000;
export const BASE = 'http://h/live/match/';

export interface StreamShape {
  readonly segmentMs: number;
  readonly partMs?: number;
  readonly canBlock?: boolean;
  /** From its end to where it can be had. */
  readonly publishMs?: number;
  readonly windowSegments?: number;
  readonly roundTripMs?: number;
  readonly hasEnded?: boolean;
  readonly updateMs?: number;
}

export class SwarmStream {
  readonly shape: Required<Omit<StreamShape, 'partMs'>> & { readonly partMs: number | undefined };
  readonly #desk = new TextDesk();
  readonly #facts = new Map<string, TextFacts>();

  constructor(shape: StreamShape) {
    const usual = {
      canBlock: false,
      publishMs: 50,
      windowSegments: 10,
      roundTripMs: 10,
      hasEnded: false,
      updateMs: 2000,
    };
    this.shape = { partMs: undefined, ...usual, ...shape };
  }

  /** Whole Segments and parts of the next one that are out at `nowMs`. */
  edge(nowMs: number): { readonly msn: number; readonly parts: number } {
    const { segmentMs, partMs, publishMs } = this.shape;
    const outMs = nowMs - publishMs;
    const msn = Math.floor(outMs / segmentMs);
    return { msn, parts: partMs === undefined ? 0 : Math.floor((outMs - msn * segmentMs) / partMs) };
  }

  list(nowMs: number): string {
    const { segmentMs, partMs, canBlock, windowSegments, hasEnded } = this.shape;
    const { msn, parts } = this.edge(nowMs);
    const perSegment = partMs === undefined ? 0 : segmentMs / partMs;
    const lines = [`#EXTM3U`, '#EXT-X-VERSION:6', `#EXT-X-TARGETDURATION:${Math.round(segmentMs / 1000)}`];
    const holdBack = `HOLD-BACK=${(3 * segmentMs) / 1000}`;
    const partHoldBack = partMs === undefined ? '' : `,PART-HOLD-BACK=${(3 * partMs) / 1000}`;
    if (canBlock) lines.push(`#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,${holdBack}${partHoldBack}`);
    if (partMs !== undefined) lines.push(`#EXT-X-PART-INF:PART-TARGET=${partMs / 1000}`);
    lines.push(`#EXT-X-MEDIA-SEQUENCE:${msn - windowSegments}`, '#EXT-X-MAP:URI="g/init.mp4"');
    const partLine = (n: number, part: number) =>
      `#EXT-X-PART:DURATION=${(partMs ?? 0) / 1000},URI="g/${n}.${part}.m4s"${part === 0 ? ',INDEPENDENT=YES' : ''}`;
    for (let n = msn - windowSegments; n < msn; n += 1) {
      lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(n * segmentMs).toISOString()}`);
      for (let part = 0; part < perSegment && n >= msn - 2; part += 1) lines.push(partLine(n, part));
      lines.push(`#EXTINF:${segmentMs / 1000},`, `g/${n}.m4s`);
    }
    for (let part = 0; part < parts; part += 1) lines.push(partLine(msn, part));
    if (partMs !== undefined) lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="g/${msn}.${parts}.m4s"`);
    if (hasEnded) lines.push('#EXT-X-ENDLIST');
    return `${lines.join('\n')}\n`;
  }

  mpd(): string {
    const { segmentMs, partMs, updateMs } = this.shape;
    const early = partMs === undefined ? '' : ` availabilityTimeOffset="${(segmentMs - partMs) / 1000}"`;
    const template = `<SegmentTemplate timescale="1000" duration="${segmentMs}" startNumber="0"${early} initialization="$RepresentationID$/g/init.mp4" media="$RepresentationID$/g/$Number$.m4s"/>`;
    const set = (type: string, ids: readonly string[]) =>
      `<AdaptationSet contentType="${type}">${ids.map((id) => `<Representation id="${id}" bandwidth="1">${template}</Representation>`).join('')}</AdaptationSet>`;
    return `<MPD type="dynamic" availabilityStartTime="1970-01-01T00:00:01.000Z" minimumUpdatePeriod="PT${updateMs / 1000}S" timeShiftBufferDepth="PT60S" suggestedPresentationDelay="PT4S"><Period id="p" start="PT0S">${set('video', ['v1', 'v2'])}${set('audio', ['a'])}</Period><UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-xsdate:2014" value="/time"/></MPD>`;
  }

  multivariant(): string {
    const rung = (id: string) => `#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"\n${id}/media.m3u8`;
    return `#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="a/media.m3u8"\n${rung('v1')}\n${rung('v2')}\n`;
  }

  /** When the answer comes, and what it is. */
  answer(ask: Ask, nowMs: number): { readonly atMs: number; readonly answer: Answer } {
    const { roundTripMs } = this.shape;
    const readyMs = Math.max(nowMs + roundTripMs / 2, this.#readyMs(ask));
    const answer = { status: 200, sentMs: nowMs, text: this.facts(ask, readyMs) };
    return { atMs: readyMs + roundTripMs / 2, answer };
  }

  facts(ask: Ask, nowMs: number): TextFacts | undefined {
    const { msn, parts } = this.edge(nowMs);
    // Lists follow from the edge alone; a hundred viewers make them once.
    const key = ask.kind === 'playlist' || ask.kind === 'blocked' ? `${ask.rendition} ${msn}.${parts}` : undefined;
    const known = key === undefined ? undefined : this.#facts.get(key);
    if (known !== undefined) return known;
    const text = this.#textOf(ask, nowMs);
    const facts = text === undefined ? undefined : this.#desk.read(ask.kind, ask.url, Buffer.from(text), false, nowMs);
    if (key !== undefined && facts !== undefined) this.#facts.set(key, facts);
    return facts;
  }

  #textOf({ kind }: Ask, nowMs: number): string | undefined {
    if (kind === 'multivariant') return this.multivariant();
    if (kind === 'playlist' || kind === 'blocked') return this.list(nowMs);
    if (kind === 'mpd') return this.mpd();
    return kind === 'time' ? new Date(nowMs).toISOString() : undefined;
  }

  /** When what is asked for exists. */
  #readyMs({ kind, url }: Ask): number {
    const { segmentMs, partMs = 0, publishMs } = this.shape;
    const query = new URL(url).searchParams;
    const media = /\/(\d+)(?:\.(\d+))?\.m4s$/.exec(url);
    const msn = Number(query.get('_HLS_msn') ?? media?.[1] ?? Number.NaN);
    const part = query.get('_HLS_part') ?? media?.[2];
    if (Number.isNaN(msn) || kind === 'init') return 0;
    if (part === undefined) return (msn + 1) * segmentMs + publishMs;
    return msn * segmentMs + (Number(part) + 1) * partMs + publishMs;
  }
}

interface Sent {
  readonly atMs: number;
  readonly viewer: number;
  readonly ask: Ask;
}

interface Happening {
  readonly atMs: number;
  readonly order: number;
  readonly call: () => void;
}

/** Viewers before a stream, in simulated time; `sent` has every request, `late` what came late. */
export class Theatre {
  readonly sent: Sent[] = [];
  readonly late: number[] = [];
  readonly viewers: Viewer[] = [];
  nowMs: number;
  readonly #stream: SwarmStream;
  readonly #heap: Happening[] = [];
  readonly #wakes: (number | undefined)[] = [];
  #order = 0;

  constructor(stream: SwarmStream, startMs = NOON_MS) {
    this.#stream = stream;
    this.nowMs = startMs;
  }

  join(kind: ViewerKind, atMs: number, seed: number, thinkMs?: number): void {
    this.#at(atMs, () => {
      const url = `${BASE}${kind === 'dash' ? 'manifest.mpd' : 'master.m3u8'}`;
      this.viewers.push(newViewer(kind, url, seedOf(seed, this.viewers.length), { thinkMs }, this.nowMs));
      this.step(this.viewers.length - 1, { kind: 'wake' });
    });
  }

  step(index: number, input: Parameters<typeof stepViewer>[1]): void {
    const viewer = this.viewers[index];
    if (viewer === undefined) return;
    const step = stepViewer(viewer, input, this.nowMs);
    this.viewers[index] = step.viewer;
    if (step.lateMs !== undefined) this.late.push(step.lateMs);
    for (const ask of step.asks) {
      this.sent.push({ atMs: this.nowMs, viewer: index, ask });
      const { atMs, answer } = this.#stream.answer(ask, this.nowMs);
      this.#at(atMs, () => this.step(index, { kind: 'answer', ask, answer }));
    }
    this.#wakes[index] = step.wakeAtMs;
    const { wakeAtMs } = step;
    if (wakeAtMs === undefined) return;
    this.#at(wakeAtMs, () => {
      if (this.#wakes[index] === wakeAtMs) this.step(index, { kind: 'wake' });
    });
  }

  playUntil(untilMs: number): void {
    for (let next = this.#take(untilMs); next !== undefined; next = this.#take(untilMs)) {
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.call();
    }
    this.nowMs = untilMs;
  }

  between(fromMs: number, toMs: number): readonly Sent[] {
    return this.sent.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  }

  #before(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (one === undefined || other === undefined) return one !== undefined;
    return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (one === undefined || other === undefined) return;
    this.#heap[a] = other;
    this.#heap[b] = one;
  }

  #at(atMs: number, call: () => void): void {
    this.#heap.push({ atMs, order: this.#order++, call });
    for (let at = this.#heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #take(untilMs: number): Happening | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > untilMs) return undefined;
    const last = this.#heap.pop();
    if (this.#heap.length > 0 && last !== undefined) this.#heap[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const child = this.#before(left + 1, left) ? left + 1 : left;
      if (child >= this.#heap.length || !this.#before(child, at)) return first;
      this.#swap(at, child);
      at = child;
    }
  }
}
