import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeldTags } from '../../../src/ingest/child/held-tags.ts';
import type { MediaFrame } from '../../../src/ingest/media-frames.ts';

const [AUDIO, VIDEO, SCRIPT] = [8, 9, 18];
const bodies: Readonly<Record<string, readonly [number, readonly number[]]>> = {
  meta: [SCRIPT, [2, 0, 10]],
  avc: [VIDEO, [0x17, 0, 0, 0, 0]],
  key: [VIDEO, [0x17, 1, 0, 0, 0]],
  frame: [VIDEO, [0x27, 1, 0, 0, 0]],
  aac: [AUDIO, [0xaf, 0, 0x11]],
  sound: [AUDIO, [0xaf, 1, 0x21]],
};
/** A tag by its name, `size` bytes in all, that arrives at atMs; its stamp is the same ms. */
function tag(name: string, atMs: number, size = 100): MediaFrame {
  const [kind, head] = bodies[name] ?? [0, []];
  const body = Buffer.alloc(Math.max(size, head.length));
  Buffer.from(head).copy(body);
  return { kind, arrivalUs: atMs * 1000, stamp: atMs, body };
}
const enhanced = (packetType: number, frameType: number, atMs: number): MediaFrame => ({
  ...tag('key', atMs),
  body: Buffer.concat([Buffer.from([0x80 | (frameType << 4) | packetType]), Buffer.from('avc1'), Buffer.alloc(20)]),
});
const nameOf = ({ kind, body }: MediaFrame): string =>
  Object.entries(bodies).find(([, [of, head]]) => of === kind && head.every((byte, at) => body[at] === byte))?.[0] ??
  '?';
const names = (held: HeldTags): string[] => held.list().map((one) => `${nameOf(one)}@${one.stamp}`);

/** Two GOPs a second apart, 25 fps, sound between. */
function feed(held: HeldTags, fromMs: number, toMs: number, gopMs = 2000): void {
  for (let ms = fromMs; ms < toMs; ms += 40) {
    held.push(tag((ms - fromMs) % gopMs === 0 ? 'key' : 'frame', ms));
    held.push(tag('sound', ms + 1));
  }
}

describe('held tags', () => {
  it('are the headers, then everything from the oldest keyframe kept, as it came', () => {
    const held = new HeldTags();
    for (const name of ['meta', 'avc', 'aac']) held.push(tag(name, 0));
    feed(held, 0, 30_000);
    const list = held.list();
    expect(list.slice(0, 4).map(nameOf)).toEqual(['meta', 'avc', 'aac', 'key']);
    const first = list[3]?.stamp ?? 0;
    expect(first).toBe(18_000);
    expect(list.length - 3).toBe(((30_000 - first) / 40) * 2);
  });

  it('have the headers that were in force at their first keyframe, and later ones in their place', () => {
    const held = new HeldTags({ maxMs: 5_000, maxBytes: 1e9 });
    held.push(tag('avc', 0));
    feed(held, 0, 2_000);
    held.push(tag('avc', 2_000));
    feed(held, 2_000, 6_000);
    expect(names(held).slice(0, 2)).toEqual(['avc@2000', 'key@2000'].toSpliced(0, 1, 'avc@2000'));
    const early = new HeldTags({ maxMs: 12_000, maxBytes: 1e9 });
    early.push(tag('avc', 0));
    feed(early, 0, 2_000);
    early.push(tag('avc', 2_000));
    feed(early, 2_000, 4_000);
    expect(names(early).filter((name) => name.startsWith('avc'))).toEqual(['avc@0', 'avc@2000']);
    expect(names(early)[1]).toBe('key@0');
  });

  it('are none of a GOP beyond the bounds, rather than a GOP with a hole; the next keyframe begins again', () => {
    const held = new HeldTags({ maxMs: 12_000, maxBytes: 1e9 });
    held.push(tag('avc', 0));
    feed(held, 0, 14_000, 20_000);
    expect(names(held)).toEqual(['avc@0']);
    expect(held.bytes).toBe(0);
    feed(held, 14_000, 15_000, 20_000);
    expect(names(held).slice(0, 2)).toEqual(['avc@0', 'key@14000']);
  });

  it('of sound alone begin anywhere, by the second', () => {
    const held = new HeldTags({ maxMs: 3_000, maxBytes: 1e9 });
    held.push(tag('aac', 0));
    for (let ms = 0; ms < 10_000; ms += 20) held.push(tag('sound', ms));
    expect(names(held)[0]).toBe('aac@0');
    const first = held.list()[1]?.stamp ?? 0;
    expect(first).toBeGreaterThanOrEqual(6_900);
    expect(first).toBeLessThanOrEqual(8_000);
  });

  it('know keyframes and headers of Enhanced RTMP', () => {
    const held = new HeldTags();
    held.push(enhanced(0, 1, 0));
    held.push(enhanced(1, 2, 40));
    held.push(enhanced(1, 1, 80));
    expect(held.list().map(({ stamp }) => stamp)).toEqual([0, 80]);
  });

  it('never exceed the bounds, and begin with a keyframe after the headers, whatever comes', () => {
    const any = fc.record({
      name: fc.constantFrom('meta', 'avc', 'key', 'frame', 'frame', 'aac', 'sound', 'sound'),
      gapMs: fc.nat(900),
      size: fc.nat(4_000),
    });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 120 }), (tags) => {
        const held = new HeldTags({ maxMs: 2_000, maxBytes: 20_000 });
        held.push(tag('avc', 0));
        let nowMs = 0;
        for (const { name, gapMs, size } of tags) {
          nowMs += gapMs;
          held.push(tag(name, nowMs, size));
          expect(held.bytes).toBeLessThanOrEqual(20_000);
          const media = held.list().filter((one) => !['meta', 'avc', 'aac'].includes(nameOf(one)));
          if (media[0] === undefined) continue;
          expect(nameOf(media[0])).toBe('key');
          expect(nowMs - media[0].stamp).toBeLessThanOrEqual(2_000);
        }
      }),
    );
  });
});
