/**
 * Looks at a stream once, as one viewer would, to know what to expect of it: at most four requests.
 * It never goes on without what the mix needs. Invariant: what it answers is what the viewers will play.
 */
import { ServiceError } from '../system/errors.ts';
import { type ClientOptions, ViewerPool } from './http-client.ts';
import type { AskKind, TextFacts } from './model.ts';
import type { StreamFacts, SwarmWish } from './plan.ts';
import { TextDesk } from './text-desk.ts';

/** Throws HTTP_NOT_FOUND with the address that did not answer, or that holds nothing to play. */
export async function surveyStream(wish: SwarmWish, options: ClientOptions): Promise<StreamFacts> {
  const pool = new ViewerPool(options, 1);
  const desk = new TextDesk();
  const read = (kind: AskKind, url: string) => readText(pool, desk, kind, url, options.nowMs);
  try {
    const hls = wish.mix.hls + wish.mix['ll-hls'] > 0 ? await surveyHls(wish.hlsUrl, read) : undefined;
    const dash = wish.mix.dash > 0 ? await surveyDash(wish.mpdUrl, read) : undefined;
    return { hls, dash };
  } finally {
    pool.close();
  }
}

type Read = (kind: AskKind, url: string) => Promise<TextFacts>;

async function surveyHls(url: string, read: Read): Promise<StreamFacts['hls']> {
  const first = await read('multivariant', url);
  if (first.kind === 'list') return { list: first.list, lanes: 1 };
  const rung = first.kind === 'rungs' ? first.rungs[0] : undefined;
  if (rung === undefined) throw nothing(url, 'no HLS');
  const media = await read('playlist', rung.url);
  if (media.kind !== 'list') throw nothing(rung.url, 'no media playlist');
  return { list: media.list, lanes: rung.audioUrl === undefined ? 1 : 2 };
}

async function surveyDash(url: string, read: Read): Promise<StreamFacts['dash']> {
  const facts = await read('mpd', url);
  if (facts.kind !== 'mpd') throw nothing(url, 'no MPD');
  return { mpd: facts.mpd, lanes: facts.mpd.periods.at(-1)?.sets.length ?? 1 };
}

function readText(pool: ViewerPool, desk: TextDesk, kind: AskKind, url: string, nowMs: () => number) {
  return new Promise<TextFacts>((resolve, reject) => {
    pool.get(url, true, ({ status, fault, body, isGzip }) => {
      const isThere = status === 200 && body !== undefined;
      const facts = isThere ? desk.read(kind, url, body, isGzip, nowMs()) : undefined;
      if (facts !== undefined) resolve(facts);
      else reject(nothing(url, isThere ? 'nothing live that can be played' : (fault ?? `status ${status}`)));
    });
  });
}

function nothing(url: string, what: string): ServiceError {
  return new ServiceError('HTTP_NOT_FOUND', `${url}: ${what}`, {
    hint: 'Name the address of a live stream with --url, and leave out of --mix what it does not have; DASH is played by $Number$ and @duration.',
  });
}
