import { describe, expect, it } from 'vitest';
import type { IngestRequest } from '../../../src/cmaf/admission.ts';
import { admitPush, trackNamed } from '../../../src/cmaf/push-admission.ts';
import { statusOf } from '../../../src/cmaf/refusal.ts';

const target = { secrets: ['open-sesame', 'second-key'], tracks: ['720p', '360p', 'video-720p', 'audio'] };
const good: IngestRequest = {
  method: 'POST',
  url: '/cmaf/match/720p',
  authorization: 'Bearer open-sesame',
  contentType: undefined,
  contentEncoding: undefined,
};

function outcome(change: Partial<IngestRequest>): string {
  const admission = admitPush({ ...good, ...change }, (id) => (id === 'match' ? target : undefined));
  if (admission.kind === 'refused') return `${statusOf(admission.refusal.code)} ${admission.refusal.code}`;
  return admission.kind === 'media' ? `media ${admission.track}` : admission.kind;
}

describe('who may push what (DASH-IF Live Media Ingest, interface 1)', () => {
  it.each<[string, Partial<IngestRequest>, string]>([
    ['MUST: POST', {}, 'media 720p'],
    ['MUST: PUT', { method: 'PUT' }, 'media 720p'],
    ['any key of the channel', { authorization: 'Bearer second-key' }, 'media 720p'],
    ['Basic, with the key as password', { authorization: `Basic ${btoa('push:open-sesame')}` }, 'media 720p'],
    ['the key in the query', { authorization: undefined, url: '/cmaf/match/720p?a=b&key=open-sesame' }, 'media 720p'],
    [
      'DELETE of what left the window of the source',
      { method: 'DELETE', url: '/cmaf/match/chunk-stream0-00001.m4s' },
      'ignored',
    ],
    ['an MPD at the root', { url: '/cmaf/match/out.mpd', contentType: 'application/dash+xml' }, 'ignored'],
    ['a playlist', { url: '/cmaf/match/720p/live.m3u8' }, 'ignored'],
    ['MUST: 403 without a key', { authorization: undefined }, '403 CMAF_FORBIDDEN'],
    ['MUST: 403 for bad credentials', { authorization: 'Bearer open-sesamf' }, '403 CMAF_FORBIDDEN'],
    ['403 for an empty key', { authorization: undefined, url: '/cmaf/match/720p?key=' }, '403 CMAF_FORBIDDEN'],
    [
      '403 for a key that is no percent-encoding',
      { authorization: undefined, url: '/cmaf/match/720p?key=%zz' },
      '403 CMAF_FORBIDDEN',
    ],
    [
      'a wrong header is not saved by the query',
      { authorization: 'Bearer x', url: '/cmaf/match/720p?key=open-sesame' },
      '403 CMAF_FORBIDDEN',
    ],
    ['403 before DELETE', { method: 'DELETE', authorization: undefined }, '403 CMAF_FORBIDDEN'],
    [
      '403 before it is told which Tracks there are',
      { url: '/cmaf/match/1080p', authorization: 'Bearer x' },
      '403 CMAF_FORBIDDEN',
    ],
    ['MUST: 404 for an unknown publishing point', { url: '/cmaf/nowhere/720p' }, '404 HTTP_NOT_FOUND'],
    ['404 elsewhere', { url: '/live/match/720p' }, '404 HTTP_NOT_FOUND'],
    ['404 for a path without end', { url: `/cmaf/match/${'a'.repeat(2000)}` }, '404 HTTP_NOT_FOUND'],
    ['404 for an unknown Track', { url: '/cmaf/match/1080p' }, '404 CMAF_UNKNOWN_TRACK'],
    ['MUST: 415 for a wrong type', { contentType: 'video/mp2t' }, '415 CMAF_MEDIA_TYPE'],
    ['415 for a content coding', { contentEncoding: 'gzip' }, '415 CMAF_MEDIA_TYPE'],
    ['GET', { method: 'GET' }, '405 HTTP_METHOD'],
  ])('%s', (_what, change, expected) => {
    expect(outcome(change)).toBe(expected);
  });

  it('the hint names the Tracks to whoever has the key', () => {
    const admission = admitPush({ ...good, url: '/cmaf/match/1080p' }, () => target);
    expect(admission.kind === 'refused' ? admission.refusal.hint : '').toContain('720p, 360p, video-720p, audio');
  });
});

describe('which Track a name means', () => {
  it.each<[string, string | undefined]>([
    ['720p', '720p'],
    ['720p.cmfv', '720p'],
    ['audio/init.mp4', 'audio'],
    ['360p/seg/17.m4s', '360p'],
    ['720p-init.mp4', '720p'],
    ['seg_720p_00017.m4s', '720p'],
    ['video-720p-17.m4s', 'video-720p'],
    ['Streams(360p.cmfv)', '360p'],
    ['init-stream0.m4s', '720p'],
    ['chunk-stream3-00001.m4s', 'audio'],
    ['chunk-stream4-00001.m4s', undefined],
    ['chunk-stream10-00001.m4s', undefined],
    ['1720p.m4s', undefined],
    ['init.mp4', undefined],
    ['', undefined],
  ])('%s is %s', (path, track) => {
    expect(trackNamed(path.split('/'), target.tracks)).toBe(track);
  });
});
