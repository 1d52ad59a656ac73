/**
 * Rules on what the client asked beside playing: conditional, HEAD and range requests, missing and early URLs (RFC 9110 9.3.2, 13, 14, 15.4.5).
 * Pure; one probe at a time.
 */
import { found } from './catalogue.ts';
import { judgeAny, sharedLifetimeS } from './http-rules.ts';
import type { Finding, Probe } from './model.ts';

export function judgeProbe(probe: Probe): readonly Finding[] {
  switch (probe.purpose) {
    case 'missing':
      return judgeMissing(probe);
    case 'early':
      return judgeEarly(probe);
    case 'revalidate':
      return judgeRevalidation(probe);
    case 'head':
      return judgeHead(probe);
    case 'range':
    case 'range-beyond':
      return judgeRange(probe);
    case 'gzip':
      return judgeGzip(probe);
    case 'repeat':
      return judgeRepeat(probe);
  }
}

/** RFC 8216bis 6.2.2: what is listed stays there. */
function judgeRepeat({ answer }: Probe): Finding[] {
  return answer.status === 200
    ? []
    : [found('http.status', { url: answer.url }, `The oldest listed object answered ${answer.status}.`)];
}

function judgeMissing({ answer }: Probe): Finding[] {
  const where = { url: answer.url };
  if (answer.status !== 404 && answer.status !== 410)
    return [found('http.cache-missing', where, `A URL that never was answered ${answer.status}.`), ...judgeAny(answer)];
  const lifetimeS = sharedLifetimeS(answer.headers);
  const long =
    lifetimeS !== undefined && lifetimeS > 60
      ? [found('http.cache-missing', where, `A ${answer.status} may be kept for ${lifetimeS} s.`)]
      : [];
  return [...long, ...judgeAny(answer)];
}

function judgeEarly({ answer }: Probe): Finding[] {
  const where = { url: answer.url };
  if (answer.status === 200) return judgeAny(answer);
  if (answer.status !== 404 && answer.status !== 425)
    return [
      found('http.early', where, `A request for the next segment answered ${answer.status}.`),
      ...judgeAny(answer),
    ];
  const lifetimeS = sharedLifetimeS(answer.headers);
  const long =
    lifetimeS !== undefined && lifetimeS > 1
      ? [found('http.early', where, `A ${answer.status} at the live edge may be kept for ${lifetimeS} s.`)]
      : [];
  return [...long, ...judgeAny(answer)];
}

function judgeRevalidation({ answer, plain, kind }: Probe): Finding[] {
  const where = { url: answer.url };
  const etag = plain?.headers['etag'];
  // RFC 9110 8.8.1: a cache that packs or unpacks a text makes its tag weak, and If-None-Match is content with that (13.1.2).
  // Media is never packed, and ranges of it want a strong one (13.1.5).
  const isRight = kind === 'segment' || kind === 'init' ? /^"[^"]+"$/ : /^(?:W\/)?"[^"]+"$/;
  if (etag === undefined || !isRight.test(etag))
    return [found('http.etag', where, `The ETag of the ${kind} is ${etag ?? 'missing'}.`)];
  // a text that changed in between answers 200 with another tag, and rightly so
  if (answer.status === 200 && answer.headers['etag'] !== etag) return [];
  if (answer.status !== 304)
    return [found('http.revalidation', where, `If-None-Match: ${etag} answered ${answer.status}.`)];
  const missing = ['etag', 'cache-control'].filter(
    (name) => answer.headers[name] === undefined && plain?.headers[name] !== undefined,
  );
  if (missing.length > 0) return [found('http.revalidation', where, `The 304 answer lacks ${missing.join(', ')}.`)];
  return opaqueTag(answer.headers['etag']) === opaqueTag(etag)
    ? []
    : [found('http.revalidation', where, `The 304 answer has ETag ${answer.headers['etag']} instead of ${etag}.`)];
}

/** RFC 9110 8.8.3.2: compared weakly. */
function opaqueTag(etag: string | undefined): string | undefined {
  return etag?.replace(/^W\//, '');
}

const SAME_HEADERS = [
  'content-type',
  'content-length',
  'cache-control',
  'etag',
  'access-control-allow-origin',
  'accept-ranges',
];

function judgeHead({ answer, plain }: Probe): Finding[] {
  const where = { url: answer.url };
  if (plain === undefined) return [];
  if (answer.status !== plain.status)
    return [found('http.head', where, `HEAD answered ${answer.status}, GET ${plain.status}.`)];
  if (answer.byteLength > 0)
    return [found('http.head', where, `HEAD answered with a body of ${answer.byteLength} bytes.`)];
  // a text may have changed between the two requests
  if (answer.headers['etag'] !== undefined && answer.headers['etag'] !== plain.headers['etag']) return [];
  const different = SAME_HEADERS.filter(
    (name) =>
      plain.headers[name] !== answer.headers[name] && !(name === 'content-length' && plain.headers[name] === undefined),
  );
  return different.map((name) =>
    found(
      'http.head',
      where,
      `${name} is ${answer.headers[name] ?? 'missing'} for HEAD, ${plain.headers[name] ?? 'missing'} for GET.`,
    ),
  );
}

function judgeRange({ answer, plain, purpose, headDigest }: Probe): Finding[] {
  const where = { url: answer.url };
  if (plain === undefined) return [];
  const range = answer.headers['content-range'];
  const wrong = (message: string): Finding[] => [found('http.range', where, message)];
  if (purpose === 'range-beyond') {
    // RFC 9110 15.5.17: 416 with Content-Range: bytes */LENGTH
    if (answer.status !== 416) return wrong(`A range beyond the end answered ${answer.status}.`);
    return range === `bytes */${plain.byteLength}`
      ? judgeAny(answer)
      : [...wrong(`The 416 answer has Content-Range ${range ?? 'missing'}.`), ...judgeAny(answer)];
  }
  if (answer.status !== 206) return wrong(`A range of the first bytes answered ${answer.status}.`);
  const last = Math.min(100, plain.byteLength) - 1;
  if (range !== `bytes 0-${last}/${plain.byteLength}`)
    return wrong(`The 206 answer has Content-Range ${range ?? 'missing'}.`);
  return answer.digest === headDigest ? [] : wrong('The 206 answer has other bytes than the whole object.');
}

function judgeGzip({ answer, plain, kind }: Probe): Finding[] {
  const where = { url: answer.url };
  const rule = kind === 'mpd' ? 'http.gzip-mpd' : 'http.gzip';
  if (answer.status !== 200) return [];
  if (answer.headers['content-encoding'] !== 'gzip')
    return [found(rule, where, 'Accept-Encoding: gzip was answered without Content-Encoding: gzip.')];
  if (!/accept-encoding/i.test(answer.headers['vary'] ?? ''))
    return [found(rule, where, 'The compressed answer lacks Vary: Accept-Encoding.')];
  const etag = answer.headers['etag'];
  // RFC 9110 8.8.3.3: a strong tag differs between content codings
  const shared =
    etag !== undefined &&
    !etag.startsWith('W/') &&
    etag === plain?.headers['etag'] &&
    plain.headers['content-encoding'] === undefined;
  return shared ? [found('http.gzip-etag', where, `The compressed and the plain form share ETag ${etag}.`)] : [];
}
