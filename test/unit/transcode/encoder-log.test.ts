import { expect, test } from 'vitest';
import { EncoderLog } from '../../../src/transcode/encoder-log.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';

test('the log of encoders keeps the last 200 lines, each of 500 characters at most, with their time', () => {
  const clock = new ManualClock(1000);
  const log = new EncoderLog(clock);
  for (let n = 0; n < 250; n++) {
    clock.advance(1);
    log.add(`line ${n}`);
  }
  log.add('x'.repeat(2000));
  const lines = log.list();
  expect(lines).toHaveLength(200);
  expect(lines[0]).toEqual({ atMs: 1052, text: 'line 51' });
  expect(lines.at(-1)!.text).toBe(`${'x'.repeat(499)}…`);
});
