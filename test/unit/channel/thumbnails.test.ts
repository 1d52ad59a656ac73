import { describe, expect, test } from 'vitest';
import { Thumbnails } from '../../../src/channel/thumbnails.ts';
import type { StillPicture } from '../../../src/transcode/still-picture.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';
import { MemoryLog } from '../../fakes/memory-log.ts';

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

function world() {
  const [clock, log] = [new ManualClock(), new MemoryLog()];
  const making: ((made: StillPicture | Error) => Promise<void>)[] = [];
  const make = () =>
    new Promise<StillPicture>((resolve, reject) => {
      making.push((made) => {
        if (made instanceof Error) reject(made);
        else resolve(made);
        return settled();
      });
    });
  const thumbnails = new Thumbnails({ ffmpegPath: 'ffmpeg', clock, log, make });
  return { clock, log, making, thumbnails };
}

const on = (id: string, media = { header: Buffer.from('h'), segment: Buffer.from('s') }) => ({
  id,
  operation: { newestPictures: () => media },
});
const MADE: StillPicture = { kind: 'made', jpeg: Buffer.from('jpeg') };

describe('thumbnails', () => {
  test('are made once in 5 s of one channel, however many ask', async () => {
    const { thumbnails, making, clock } = world();
    const asked = [thumbnails.of(on('a')), thumbnails.of(on('a'))];
    await settled();
    await making[0]!(MADE);
    clock.advance(4999);
    asked.push(thumbnails.of(on('a')));
    expect(await Promise.all(asked)).toEqual([MADE, MADE, MADE]);
    expect(making).toHaveLength(1);
    clock.advance(1);
    void thumbnails.of(on('a'));
    await settled();
    expect(making).toHaveLength(2);
  });

  test('of several channels are made one after the other, also past one that fails', async () => {
    const { thumbnails, making, log } = world();
    const [first, second] = [thumbnails.of(on('a')), thumbnails.of(on('b'))];
    await settled();
    expect(making).toHaveLength(1);
    await making[0]!(new Error('no process'));
    expect(await first).toEqual({ kind: 'failed' });
    expect(making).toHaveLength(2);
    await making[1]!(MADE);
    expect(await second).toEqual(MADE);
    expect(log.saying('thumbnail could not be made')).toEqual([{ channel: 'a', reason: 'no process' }]);
  });

  test('are none where nothing is on air, at once and without an encoder, and there as soon as something is', async () => {
    const { thumbnails, making } = world();
    expect(await thumbnails.of({ id: 'a', operation: { newestPictures: () => undefined } })).toEqual({ kind: 'none' });
    void thumbnails.of(on('a'));
    await settled();
    expect(making).toHaveLength(1);
  });
});
