import { expect, it } from 'vitest';
import { PushLog } from '../../../src/cmaf/push-log.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';
import { MemoryLog } from '../../fakes/memory-log.ts';

it('strangers do not decide how much is logged: 20 warnings of a code in 10 s, then how many went unsaid', () => {
  const log = new MemoryLog();
  const clock = new ManualClock();
  const pushes = new PushLog(log, clock);
  for (let i = 0; i < 500; i++) pushes.child({ i }).warn({ code: 'CMAF_FORBIDDEN' }, 'CMAF request refused');
  pushes.warn({ code: 'CMAF_OFF_GRID' }, 'CMAF body refused');
  expect(log.lines).toHaveLength(21);
  clock.advance(10_000);
  pushes.warn({ code: 'CMAF_FORBIDDEN' }, 'CMAF request refused');
  expect(log.lines.at(-1)?.fields).toMatchObject({ code: 'CMAF_FORBIDDEN', unsaid: 480 });
});
