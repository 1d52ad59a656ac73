/**
 * Reads one channel like a strict client for as long as it is let: HLS and DASH side by side, in slices that the checker judges,
 * with everything that is answered entered into a ledger of the whole run. It never judges by itself.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { checkStream } from '../../src/check/check-stream.ts';
import { type CheckFetch, openFetch } from '../../src/check/http-fetch.ts';
import type { Finding } from '../../src/check/model.ts';
import { systemClock } from '../../src/system/clock.ts';
import type { MediaLedger } from './media-ledger.ts';

export interface Reading {
  readonly findings: readonly (Finding & { readonly sliceEndMs: number })[];
  readonly texts: number;
  readonly objects: number;
}

/** Short enough that the checker keeps every text of it, also where a playlist grows five times a second. */
const SLICE_SECONDS = 60;

/** Lost requests are sent again where the service was away: players do the same. */
export type WasAway = (sentMs: number) => boolean;

export async function readStrictly(
  base: string,
  ledger: MediaLedger,
  endMs: number,
  wasAway: WasAway = () => false,
): Promise<Reading> {
  const readings = await Promise.all(
    ['master.m3u8', 'manifest.mpd'].map((file) => readOne(`${base}/${file}`, ledger, endMs, wasAway)),
  );
  return {
    findings: readings.flatMap(({ findings }) => findings),
    texts: readings.reduce((sum, { texts }) => sum + texts, 0),
    objects: readings.reduce((sum, { objects }) => sum + objects, 0),
  };
}

async function readOne(url: string, ledger: MediaLedger, endMs: number, wasAway: WasAway): Promise<Reading> {
  const clock = systemClock();
  const door = openFetch();
  const findings: (Finding & { readonly sliceEndMs: number })[] = [];
  let texts = 0;
  let objects = 0;
  try {
    for (let leftMs = endMs - performance.now(); leftMs > 3_000; leftMs = endMs - performance.now()) {
      const seconds = Math.min(SLICE_SECONDS, leftMs / 1000);
      const slice = await checkStream({
        url,
        seconds,
        clock,
        fetch: enteredInto(ledger, again(door.fetch, wasAway), wasAway),
      });
      findings.push(...slice.findings.map((finding) => ({ ...finding, sliceEndMs: performance.now() })));
      texts += slice.summary.texts;
      objects += slice.summary.objects;
    }
  } finally {
    door.close();
  }
  return { findings, texts, objects };
}

const AGAIN_MS = 100;
/** The list before may have been read so long before this one was asked for. */
const AWAY_SEEN_MS = 5_000;

function again(fetch: CheckFetch, wasAway: WasAway): CheckFetch {
  return async (request) => {
    for (;;) {
      const sentMs = performance.now();
      try {
        return await fetch(request);
      } catch (thrown) {
        if (request.signal.aborted || !wasAway(sentMs)) throw thrown;
        await sleep(AGAIN_MS);
      }
    }
  };
}

function enteredInto(ledger: MediaLedger, fetch: CheckFetch, wasAway: WasAway): CheckFetch {
  const newest = new Map<string, string>();
  return async (request) => {
    const { pathname } = new URL(request.url);
    const before = newest.get(pathname);
    const sentMs = performance.now();
    const answer = await fetch(request);
    if (request.method !== 'GET' || answer.status !== 200) return answer;
    if (/\.(m4s|mp4)$/.test(pathname)) ledger.takeMedia(pathname, answer.body);
    if (/\/media\.m3u8$/.test(pathname)) {
      const text = (answer.headers['content-encoding'] === 'gzip' ? gunzipSync(answer.body) : answer.body).toString();
      ledger.takeSequences(pathname, before, text);
      // What came while the service was away could not be read.
      ledger.takePlaylist(
        pathname,
        text,
        wasAway(sentMs - AWAY_SEEN_MS) ? Number.POSITIVE_INFINITY : sentMs,
        performance.now(),
      );
      newest.set(pathname, text);
    }
    return answer;
  };
}
