/** Does one fault to what runs. Each resolves when the fault itself is over, not when the service has dealt with it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Publisher } from './publisher.ts';
import type { Fault } from './schedule.ts';
import type { ServiceUnderTest } from './service-under-test.ts';

/** What a run of chaos happens to. */
export interface Stage {
  readonly service: ServiceUnderTest;
  readonly publishers: ReadonlyMap<string, Publisher>;
  /** Files of clips by name. */
  readonly clips: ReadonlyMap<string, string>;
  readonly startMs: number;
  readonly folder: string;
  say(entry: object): void;
}

/** `lane` is a channel, or `service`. What was done, for the log. */
export async function inject(lane: string, fault: Fault, stage: Stage): Promise<object> {
  if (fault.kind === 'rtmp-child-kill') return signal(stage.service.rtmpChildPid(), 'SIGKILL');
  if (fault.kind === 'service-kill') {
    const { pid } = stage.service;
    await stage.service.killFor(fault.backAfterMs);
    return { pid, backAs: stage.service.pid };
  }
  const publisher = stage.publishers.get(lane);
  if (publisher === undefined) return { nothing: `no publisher ${lane}` };
  switch (fault.kind) {
    case 'publisher-kill':
      await publisher.killFor(fault.backAfterMs, fault.startStamp);
      return { pid: publisher.pid };
    case 'publisher-stop':
      await publisher.stopFor(fault.forMs);
      return { pid: publisher.pid };
    case 'second-publisher':
      return { isIn: await publisher.rival() };
    case 'worker-kill':
      return signal((await stage.service.status(lane)).encoder?.pid, 'SIGKILL');
    case 'worker-stop':
      return signal((await stage.service.status(lane)).encoder?.pid, 'SIGSTOP');
    case 'stamps-shift':
      publisher.tell({ kind: 'shift', what: 'all', byMs: fault.byMs });
      return {};
    case 'sound-shift':
      publisher.tell({ kind: 'shift', what: 'audio', byMs: fault.byMs });
      // A mixer that is set right again: with the sound apart for good nothing could be in sync.
      await sleep(fault.forMs);
      publisher.tell({ kind: 'shift', what: 'audio', byMs: -fault.byMs });
      return {};
    case 'track-away':
      publisher.tell({ kind: 'mute', track: fault.track, forMs: fault.forMs });
      await sleep(fault.forMs);
      return {};
    case 'other-picture':
      publisher.tell({ kind: 'clip', clip: stage.clips.get(fault.clip) ?? '' });
      return {};
  }
}

function signal(pid: number | undefined, name: 'SIGKILL' | 'SIGSTOP'): object {
  if (pid === undefined) return { nothing: 'no such process' };
  process.kill(pid, name);
  return { pid, name };
}
