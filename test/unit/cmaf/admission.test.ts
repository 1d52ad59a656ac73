import { describe, expect, it } from 'vitest';
import { admit, type IngestRequest } from '../../../src/cmaf/admission.ts';
import { refusalOf, statusOf } from '../../../src/cmaf/refusal.ts';
import type { ErrorCode } from '../../../src/system/errors.ts';

const run = { secret: 'open-sesame', hasTrack: (name: string) => name === 'v720' || name === 'a0' };
const good: IngestRequest = {
  method: 'POST',
  url: '/run-1/v720',
  authorization: 'Bearer open-sesame',
  contentType: undefined,
  contentEncoding: undefined,
};

function outcome(change: Partial<IngestRequest>): string {
  const admission = admit({ ...good, ...change }, (id) => (id === 'run-1' ? run : undefined));
  if (admission.kind === 'refused') return `${statusOf(admission.refusal.code)} ${admission.refusal.code}`;
  return admission.kind === 'media' ? `media ${admission.track}` : admission.kind;
}

describe('who may send what where (DASH-IF Live Media Ingest, interface 1)', () => {
  it.each<[string, Partial<IngestRequest>, string]>([
    ['POST', {}, 'media v720'],
    ['PUT is equal to POST', { method: 'PUT' }, 'media v720'],
    ['a path below the Track', { url: '/run-1/v720/seg/17.m4s?x=1' }, 'media v720'],
    ['a Track name with a CMAF suffix', { url: '/run-1/a0.cmfa' }, 'media a0'],
    ['Basic, with the secret as password', { authorization: `Basic ${btoa('obs:open-sesame')}` }, 'media v720'],
    ['Content-Type with parameters', { contentType: 'Video/MP4; codecs="avc1.64001f"' }, 'media v720'],
    ['audio/mp4', { contentType: 'audio/mp4' }, 'media v720'],
    ['application/mp4', { contentType: 'application/mp4' }, 'media v720'],
    ['an MPD at the root of the run', { url: '/run-1/live.mpd', contentType: 'application/dash+xml' }, 'manifest'],
    ['a playlist below a Track', { url: '/run-1/v720/v720.m3u8' }, 'manifest'],
    ['GET', { method: 'GET' }, '405 HTTP_METHOD'],
    ['DELETE', { method: 'DELETE' }, '405 HTTP_METHOD'],
    ['no path', { url: '/' }, '404 HTTP_NOT_FOUND'],
    ['no url', { url: undefined }, '404 HTTP_NOT_FOUND'],
    ['an unknown run', { url: '/run-2/v720' }, '404 HTTP_NOT_FOUND'],
    ['dot segments', { url: '/../run-1/v720' }, '404 HTTP_NOT_FOUND'],
    ['a NUL', { url: '/run-1%00/v720' }, '404 HTTP_NOT_FOUND'],
    ['an absolute target', { url: 'http://x/run-1/v720' }, '404 HTTP_NOT_FOUND'],
    ['an unknown Track', { url: '/run-1/v1080' }, '404 CMAF_UNKNOWN_TRACK'],
    ['no Track', { url: '/run-1' }, '404 CMAF_UNKNOWN_TRACK'],
    ['no secret', { authorization: undefined }, '403 CMAF_FORBIDDEN'],
    ['a wrong secret', { authorization: 'Bearer open-sesamf' }, '403 CMAF_FORBIDDEN'],
    ['a prefix of the secret', { authorization: 'Bearer open' }, '403 CMAF_FORBIDDEN'],
    ['another scheme', { authorization: 'Digest open-sesame' }, '403 CMAF_FORBIDDEN'],
    [
      'a wrong secret for an unknown Track tells nothing of Tracks',
      { url: '/run-1/v1080', authorization: 'Bearer x' },
      '403 CMAF_FORBIDDEN',
    ],
    ['a wrong secret for a manifest', { url: '/run-1/live.mpd', authorization: 'Bearer x' }, '403 CMAF_FORBIDDEN'],
    ['a form', { contentType: 'application/x-www-form-urlencoded' }, '415 CMAF_MEDIA_TYPE'],
    ['MPEG-TS', { contentType: 'video/mp2t' }, '415 CMAF_MEDIA_TYPE'],
    ['gzip', { contentEncoding: 'gzip' }, '415 CMAF_MEDIA_TYPE'],
  ])('%s', (_what, change, expected) => {
    expect(outcome(change)).toBe(expected);
  });
});

describe('statuses (DASH-IF Live Media Ingest: receiver status codes)', () => {
  it.each<[ErrorCode, number]>([
    ['CMAF_NO_HEADER', 412],
    ['CMAF_UNSUPPORTED', 415],
    ['CMAF_BOX_INVALID', 400],
    ['CMAF_BOX_TRUNCATED', 400],
    ['CMAF_TOO_LARGE', 400],
    ['CMAF_OFF_GRID', 400],
    ['CMAF_TIME_BACKWARDS', 400],
    ['HTTP_OVERLOADED', 503],
    ['HTTP_INTERNAL', 500],
  ])('%s is %i', (code, status) => {
    expect(statusOf(code)).toBe(status);
  });

  it('what is no fault of the source is HTTP_INTERNAL', () => {
    expect(refusalOf(new Error('boom')).code).toBe('HTTP_INTERNAL');
  });
});
