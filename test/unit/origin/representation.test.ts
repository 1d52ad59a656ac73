import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { OBJECT_KINDS, OUTCOMES } from '../../../src/origin/cache-policy.ts';
import { explainedProblem, problemOf, type Refusal, rawProblem } from '../../../src/origin/problems.ts';
import { type HeaderList, ofGrowing, ofObject, ofText } from '../../../src/origin/representation.ts';
import { storedObject, textRevision } from '../../fakes/channel-view.ts';

const OWNER = { channel: 'match', track: 'v720' };
const field = (fields: HeaderList, name: string) => fields[fields.indexOf(name) + 1];

it('compresses a revision once, however many ask at once', async () => {
  const forms = ofText('hls-media', textRevision('#EXTM3U\n'.repeat(100)), OWNER);
  const [one, two] = await Promise.all([forms.gzip(), forms.gzip()]);
  expect(two).toBe(one);
  expect(forms.gzipped).toBe(one);
  expect(gunzipSync(one.body as Buffer).toString()).toBe('#EXTM3U\n'.repeat(100));
});

it('makes the forms of a revision once: the same by identity', () => {
  const revision = textRevision('#EXTM3U\n');
  expect(ofText('hls-media', revision, OWNER)).toBe(ofText('hls-media', revision, OWNER));
  const object = storedObject('abc');
  expect(ofObject('segment', object, OWNER)).toBe(ofObject('segment', object, OWNER));
});

it('checklist 6 MUST: strong ETag stable for the same bytes, another one for the gzip form (RFC 9110 8.8.3.3)', async () => {
  const one = ofText('dash', textRevision('<MPD/>', 1), OWNER);
  const same = ofText('dash', textRevision('<MPD/>', 99_000), OWNER);
  const other = ofText('dash', textRevision('<MPD />'), OWNER);
  expect(one.plain.validators.etag).toBe(same.plain.validators.etag);
  expect(one.plain.validators.etag).not.toBe(other.plain.validators.etag);
  expect((await one.gzip()).validators.etag).not.toBe(one.plain.validators.etag);
  expect(one.plain.validators.etag).toMatch(/^"[0-9a-f]{24}"$/);
});

it('checklist 6 SHOULD: Vary only Accept-Encoding and only on text', () => {
  expect(field(ofText('dash', textRevision('<MPD/>'), OWNER).plain.always, 'Vary')).toBe('Accept-Encoding');
  expect(ofObject('part', storedObject('abc'), OWNER).whole).not.toContain('Vary');
});

it('has a body with code and message for every refusal, and never a stack', () => {
  const refusals = OUTCOMES.filter((o): o is Refusal => !['ok', 'preflight', 'partial', 'not-modified'].includes(o));
  for (const kind of OBJECT_KINDS) {
    for (const outcome of refusals) {
      const { status, fields, body } = problemOf(kind, outcome);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(Object.keys(JSON.parse(body.toString()))).toEqual(['code', 'message']);
      expect(field(fields, 'Content-Length')).toBe(String(body.length));
      expect(field(fields, 'Access-Control-Allow-Origin')).toBe('*');
    }
  }
});

it('writes a refusal as a whole HTTP/1.1 message', () => {
  const text = rawProblem('headers-too-large', new Date(0)).toString('latin1');
  const [head, body] = text.split('\r\n\r\n');
  expect(head).toMatch(
    /^HTTP\/1\.1 431 Request Header Fields Too Large\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nConnection: close\r\n/,
  );
  expect(head).toContain('\r\nCache-Control: no-store\r\n');
  expect(head).toContain(`\r\nContent-Length: ${body?.length}`);
});

it('one revision as the current and as the blocked playlist: two lives, one ETag, compressed once', async () => {
  const revision = textRevision('#EXTM3U\n'.repeat(100));
  const [current, blocked] = [ofText('hls-media', revision, OWNER), ofText('hls-blocked', revision, OWNER)];
  expect(field(current.plain.always, 'Cache-Control')).toBe('public, max-age=1, stale-if-error=6');
  expect(field(blocked.plain.always, 'Cache-Control')).toBe('public, max-age=12');
  expect(blocked.plain.validators.etag).toBe(current.plain.validators.etag);
  const [one, two] = await Promise.all([current.gzip(), blocked.gzip()]);
  expect(two.body).toBe(one.body);
  expect(field(two.always, 'Cache-Control')).toBe('public, max-age=12');
});

it('a growing Segment has the life of the finished one, and nothing that needs its end', () => {
  const { always, content } = ofGrowing('segment', 'video/mp4', OWNER);
  const fields = [...always, ...content];
  expect(field(fields, 'Cache-Control')).toBe('public, max-age=86400, immutable');
  expect(field(fields, 'Content-Type')).toBe('video/mp4');
  for (const name of ['ETag', 'Last-Modified', 'Accept-Ranges', 'Content-Length', 'Vary'])
    expect(fields).not.toContain(name);
});

it('says why directives are refused, without anything of a stack, and does not keep such answers', () => {
  const { status, body } = explainedProblem('hls-media', 'bad-directive', '_HLS_part without _HLS_msn');
  expect(status).toBe(400);
  expect(JSON.parse(body.toString())).toEqual({
    code: 'HTTP_BAD_REQUEST',
    message: 'The delivery directives of this playlist request are not valid: _HLS_part without _HLS_msn.',
  });
  expect(problemOf('hls-media', 'bad-directive').body.toString()).not.toContain('_HLS_part');
});
