/**
 * Rules on ordinary answers: status, type, caching, CORS, one URL one body (RFC 9110, 9111, 8246).
 * Pure. What was asked beside playing is judged in probe-rules.
 */
import { found } from './catalogue.ts';
import type { Evidence, Exchange, Finding, HeaderMap, MediaObject, PlaylistSnapshot } from './model.ts';

/** Directives of a Cache-Control field, names in lower case. */
function cacheControl(headers: HeaderMap): ReadonlyMap<string, string> | undefined {
  const field = headers['cache-control'];
  if (field === undefined || field.trim() === '') return undefined;
  return new Map(
    field.split(',').map((directive) => {
      const [name, value] = directive.trim().split('=');
      return [(name ?? '').toLowerCase(), (value ?? '').replace(/"/g, '')] as const;
    }),
  );
}

/** Seconds a shared cache may keep the answer; undefined when the field does not say. */
export function sharedLifetimeS(headers: HeaderMap): number | undefined {
  const directives = cacheControl(headers);
  if (directives === undefined) return undefined;
  if (directives.has('no-store') || directives.has('no-cache') || directives.has('private')) return 0;
  const text = directives.get('s-maxage') ?? directives.get('max-age');
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}

export interface Limits {
  /** Longest time a cache may keep a live playlist or MPD, seconds. */
  readonly playlistS: number | undefined;
  /** How long media stays listed, seconds. */
  readonly windowS: number | undefined;
  /** True when the texts still change. */
  readonly live: boolean;
}

export function judgeHttp(evidence: Evidence, limits: Limits): readonly Finding[] {
  const texts: readonly PlaylistSnapshot[] = [
    ...evidence.multivariant,
    ...evidence.renditions.flatMap((rendition) => rendition.snapshots),
    ...evidence.mpds,
  ];
  const rendered = evidence.renditions.flatMap((rendition) => rendition.snapshots);
  return [
    ...evidence.failures.map((failure) => found('http.no-answer', { url: failure.url }, failure.reason)),
    ...texts.flatMap((text) => [...judgeAny(text), ...judgeStatus(text)]),
    ...rendered.flatMap((text) => judgeTextCache(text, limits, 'http.cache-playlist')),
    ...evidence.mpds.flatMap((text) => judgeTextCache(text, limits, 'http.cache-mpd')),
    ...evidence.media.flatMap((object) => [
      ...judgeAny(object, object.listed.track),
      ...judgeMedia(object, evidence, limits),
    ]),
    ...judgeBodies(evidence),
  ];
}

/** What holds for every answer of every status. */
export function judgeAny(answer: Exchange, track?: string): Finding[] {
  const where = { url: answer.url, track };
  const findings: Finding[] = [];
  const about = `the ${answer.status} answer`;
  // RFC 9110 15.1: 404 and 410 are heuristically cacheable: without a policy a cache makes one up
  if (cacheControl(answer.headers) === undefined)
    findings.push(found('http.cache-control', where, `No Cache-Control in ${about}.`));
  if (answer.headers['access-control-allow-origin'] === undefined)
    findings.push(found('http.cors', where, `No Access-Control-Allow-Origin in ${about}.`));
  if (answer.headers['set-cookie'] !== undefined)
    findings.push(found('http.set-cookie', where, `Set-Cookie in ${about}.`));
  const vary = (answer.headers['vary'] ?? '').split(',').map((name) => name.trim().toLowerCase());
  const odd = vary.filter((name) => name !== '' && name !== 'accept-encoding');
  if (odd.length > 0) findings.push(found('http.vary', where, `Vary: ${odd.join(', ')} in ${about}.`));
  return findings;
}

function judgeStatus(answer: Exchange): Finding[] {
  const where = { url: answer.url };
  if (answer.status >= 300 && answer.status < 400)
    return [
      found('http.redirect', where, `The answer is ${answer.status} to ${answer.headers['location'] ?? 'nowhere'}.`),
    ];
  return answer.status === 200 ? [] : [found('http.status', where, `The answer is ${answer.status}.`)];
}

function judgeTextCache(
  answer: PlaylistSnapshot,
  { playlistS, live }: Limits,
  rule: 'http.cache-playlist' | 'http.cache-mpd',
): Finding[] {
  const directives = cacheControl(answer.headers);
  if (answer.status !== 200 || directives === undefined || !live) return [];
  const where = { url: answer.url };
  if (directives.has('no-store') || directives.has('no-cache') || directives.has('private'))
    return [found('http.cache-uncollapsed', where, `Cache-Control: ${answer.headers['cache-control']}.`)];
  const lifetimeS = sharedLifetimeS(answer.headers);
  // a blocking reload's text is final for its URL: bis B.1 lets it live 6 target durations
  const blocking = /[?&]_HLS_msn=/.test(answer.url);
  const limitS = playlistS === undefined ? undefined : playlistS * (blocking ? 6 : 1);
  if (lifetimeS === undefined)
    return [found(rule, where, `Cache-Control "${answer.headers['cache-control']}" has no max-age.`)];
  return limitS !== undefined && lifetimeS > Math.max(1, limitS)
    ? [found(rule, where, `max-age is ${lifetimeS} s, at most ${limitS} s are right.`)]
    : [];
}

const MEDIA_TYPE = /^(video|audio)\/(mp4|iso\.segment|mp2t|aac|mpeg)(;|$)|^text\/vtt/i;

function judgeMedia(object: MediaObject, evidence: Evidence, limits: Limits): Finding[] {
  const where = { url: object.url, track: object.listed.track };
  if (object.status >= 300 && object.status < 400) return judgeStatus(object);
  // DASH segments have their own rule (dash.segment-available)
  if (object.status !== 200) return evidence.mode === 'dash' && object.role === 'segment' ? [] : judgeStatus(object);
  const findings: Finding[] = [];
  const type = object.headers['content-type'];
  if (type === undefined || !MEDIA_TYPE.test(type))
    findings.push(found('http.content-type', where, `Content-Type is ${type ?? 'missing'}.`));
  const directives = cacheControl(object.headers);
  if (directives === undefined) return findings;
  const lifetimeS = sharedLifetimeS(object.headers);
  const leastS = Math.max(60, limits.windowS ?? 0);
  if (lifetimeS === undefined || lifetimeS < leastS)
    findings.push(
      found(
        'http.cache-media',
        where,
        `Cache-Control "${object.headers['cache-control']}" keeps media for less than ${Math.round(leastS)} s.`,
      ),
    );
  if (!directives.has('immutable'))
    findings.push(
      found('http.immutable', where, `Cache-Control "${object.headers['cache-control']}" lacks immutable.`),
    );
  return findings;
}

/** RFC 8246: what is cached for ever must never have a second body. */
function judgeBodies(evidence: Evidence): Finding[] {
  const bodies = new Map<string, string>();
  const repeats = evidence.probes.filter((probe) => probe.purpose === 'repeat').map((probe) => probe.answer);
  return [...evidence.media, ...repeats]
    .filter((object) => object.status === 200 && object.digest !== '')
    .flatMap((object) => {
      const first = bodies.get(object.url) ?? object.digest;
      bodies.set(object.url, first);
      return first === object.digest
        ? []
        : [
            found(
              'http.one-body',
              { url: object.url },
              `The URL answered ${first.slice(0, 12)} and later ${object.digest.slice(0, 12)} (SHA-256).`,
            ),
          ];
    });
}
