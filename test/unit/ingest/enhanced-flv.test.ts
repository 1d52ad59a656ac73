import { expect, test } from 'vitest';
import { legacyBody } from '../../../src/ingest/enhanced-flv.ts';
import { AUDIO, readTagContent, VIDEO } from '../../../src/ingest/flv-tags.ts';

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const AVC1 = '61766331';
const MP4A = '6d703461';

test.each([
  ['SequenceStart of avc1', VIDEO, `90 ${AVC1} 01640028`, '17 00 000000 01640028'],
  ['CodedFrames of avc1, a keyframe', VIDEO, `91 ${AVC1} 000043 aabb`, '17 01 000043 aabb'],
  ['CodedFrames of avc1, an inter frame with a negative offset', VIDEO, `a1 ${AVC1} ffffbd aabb`, '27 01 ffffbd aabb'],
  ['CodedFramesX of avc1', VIDEO, `a3 ${AVC1} aabb`, '27 01 000000 aabb'],
  ['SequenceEnd of avc1', VIDEO, `92 ${AVC1}`, '17 02 000000'],
  ['SequenceStart of mp4a', AUDIO, `90 ${MP4A} 1190`, 'af 00 1190'],
  ['CodedFrames of mp4a', AUDIO, `91 ${MP4A} 2110`, 'af 01 2110'],
  ['CodedFrames of .mp3', AUDIO, '91 2e6d7033 fffb', '2f fffb'],
])('Enhanced RTMP v2: %s is the legacy tag', (_, type, enhanced, legacy) => {
  expect(legacyBody(type, bytes(enhanced)).toString('hex')).toBe(bytes(legacy).toString('hex'));
});

test.each([
  ['a legacy keyframe', VIDEO, '17 01 000000 aabb'],
  ['legacy AAC', AUDIO, 'af 01 2110'],
  ['HEVC', VIDEO, '91 68766331 000000 aabb'],
  ['AV1', VIDEO, '91 61763031 aabb'],
  ['Opus', AUDIO, '91 4f707573 aabb'],
  ['metadata of avc1', VIDEO, `94 ${AVC1} 02`],
  ['a cut header', VIDEO, '91 6176'],
  ['nothing', AUDIO, ''],
])('%s is left as it is', (_, type, hex) => {
  const body = bytes(hex);
  expect(legacyBody(type, body)).toBe(body);
});

test('what was translated is read like any other tag', () => {
  const body = legacyBody(VIDEO, bytes(`a1 ${AVC1} ffffbd aabb`));
  expect(readTagContent(VIDEO, body)).toEqual({ kind: 'video', packet: 'nalu', keyframe: false, compositionMs: -67 });
});
