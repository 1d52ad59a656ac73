/**
 * The door of this room: collect a stream for a while, judge it, sum up.
 * It never writes to the stream's server. Invariant: `findings` is `judge` of what `collect` gathered, nothing else.
 */
import { setMaxListeners } from 'node:events';
import type { Clock } from '../system/clock.ts';
import { ServiceError } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import { followDash } from './client-dash.ts';
import { followHls } from './client-hls.ts';
import { Collector } from './collector.ts';
import { type CheckFetch, openFetch } from './http-fetch.ts';
import { judge } from './judge.ts';
import type { Evidence, Finding } from './model.ts';
import { probeAll } from './probing.ts';

export interface CheckOptions {
  readonly url: string;
  /** How long to play. Downloads under way and the probes come after. */
  readonly seconds: number;
  readonly clock: Clock;
  readonly fetch?: CheckFetch;
  /** `auto`: by content type, extension, then content. */
  readonly mode?: 'hls' | 'dash' | 'auto';
  readonly log?: Logger;
  /** Ends the reading early; what was gathered until then is judged. */
  readonly signal?: AbortSignal;
}

export interface CheckSummary {
  readonly url: string;
  readonly mode: 'hls' | 'dash';
  readonly seconds: number;
  readonly tracks: number;
  readonly texts: number;
  readonly objects: number;
  readonly bytes: number;
  readonly errors: number;
  readonly warnings: number;
  readonly notes: number;
}

export interface CheckResult {
  readonly findings: readonly Finding[];
  readonly summary: CheckSummary;
}

/** Time for what is under way when the playing ends. */
const GRACE_MS = 20_000;

/** Plays the stream at `url` as a strict client. Throws HTTP_NOT_FOUND when there is no playlist or MPD to begin with. */
export async function collect(options: CheckOptions): Promise<Evidence> {
  const { clock, seconds, url } = options;
  const door = options.fetch === undefined ? openFetch() : undefined;
  const stop = new AbortController();
  const cancel = clock.after(seconds * 1000 + GRACE_MS, () => stop.abort());
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  // every request and wait listens; they are bounded by the downloads under way
  setMaxListeners(0, signal);
  // the Clock's timers do not keep a process alive, and between two requests nothing else would
  const alive = setInterval(() => {}, 2 ** 30);
  const collector = new Collector({ fetch: options.fetch ?? (door ?? openFetch()).fetch, clock, signal });
  try {
    const evidence = await play(collector, options);
    options.log?.info({ url, objects: evidence.media.length, failures: evidence.failures.length }, 'stream read');
    return evidence;
  } finally {
    clearInterval(alive);
    cancel();
    door?.close();
  }
}

async function play(collector: Collector, { url, seconds, mode }: CheckOptions): Promise<Evidence> {
  const startedMs = collector.nowMs();
  const first = await collector.text(url);
  if (first === undefined) {
    const reason = collector.failures[0]?.reason.replace(/^GET: /, '') ?? 'no answer';
    throw new ServiceError('HTTP_NOT_FOUND', `${url} cannot be reached: ${reason}`, {
      hint: 'See whether the server runs, and whether its name and port are right.',
    });
  }
  if (first.status !== 200) {
    throw new ServiceError('HTTP_NOT_FOUND', `${url} answered ${first.status}`, {
      hint: 'Give the address of a playlist or an MPD that is being served.',
    });
  }
  const kind =
    mode === undefined || mode === 'auto' ? modeOf(url, first.headers['content-type'] ?? '', first.text) : mode;
  const untilMs = startedMs + seconds * 1000;
  const empty = { multivariant: [], renditions: [], mpds: [], utcTiming: undefined };
  const run =
    kind === 'hls' ? await followHls(collector, url, first, untilMs) : await followDash(collector, url, first, untilMs);
  const { media, probes, failures } = collector;
  const evidence: Evidence = {
    ...empty,
    ...run,
    url,
    mode: kind,
    startedMs,
    endedMs: collector.nowMs(),
    media,
    probes,
    failures,
  };
  if (!collector.stopped) await probeAll(collector, evidence);
  return evidence;
}

function modeOf(url: string, contentType: string, text: string): 'hls' | 'dash' {
  if (/dash\+xml/i.test(contentType) || /\.mpd(\?|$)/i.test(url)) return 'dash';
  return text.trimStart().startsWith('<') ? 'dash' : 'hls';
}

/** Collects and judges. */
export async function checkStream(options: CheckOptions): Promise<CheckResult> {
  const evidence = await collect(options);
  const findings = judge(evidence);
  return { findings, summary: summaryOf(evidence, findings) };
}

export function summaryOf(evidence: Evidence, findings: readonly Finding[]): CheckSummary {
  const count = (severity: Finding['severity']): number =>
    findings.filter((finding) => finding.severity === severity).length;
  return {
    url: evidence.url,
    mode: evidence.mode,
    seconds: Math.round((evidence.endedMs - evidence.startedMs) / 100) / 10,
    tracks: new Set(evidence.media.map((object) => object.listed.track)).size,
    texts:
      evidence.multivariant.length +
      evidence.mpds.length +
      evidence.renditions.reduce((sum, rendition) => sum + rendition.snapshots.length, 0),
    objects: evidence.media.length,
    bytes: evidence.media.reduce((sum, object) => sum + object.byteLength, 0),
    errors: count('error'),
    warnings: count('warning'),
    notes: count('note'),
  };
}
