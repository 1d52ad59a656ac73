import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EncodeExit } from '../../../src/transcode/model.ts';
import {
  idleSupervisor,
  SUPERVISOR_LIMITS,
  type SupervisorCommand,
  type SupervisorEvent,
  superviseWorker,
  supervisorLimits,
} from '../../../src/transcode/supervisor.ts';
import { gridOf, rate } from '../../fakes/transcode-plan.ts';

const EXIT: EncodeExit = { code: 1, signal: undefined, lastLines: ['Broken pipe'] };
const exited: SupervisorEvent = { kind: 'exited', exit: EXIT };
const kinds = (commands: readonly SupervisorCommand[]) => commands.map(({ kind }) => kind);

/** A supervisor and a clock to drive it by. */
function worker() {
  let state = idleSupervisor(0);
  let nowMs = 0;
  const send = (event: SupervisorEvent['kind'] | SupervisorEvent, atMs = nowMs): readonly SupervisorCommand[] => {
    nowMs = atMs;
    const step = superviseWorker(
      state,
      typeof event === 'string' ? ({ kind: event } as SupervisorEvent) : event,
      nowMs,
    );
    state = step.state;
    return step.commands;
  };
  return { send, name: () => state.name, state: () => state, now: () => nowMs };
}

function live() {
  const it = worker();
  it.send('start');
  it.send('tags-in');
  it.send('chunk-out', 300);
  return it;
}

describe('a worker that runs', () => {
  it('is spawned by start, starting until its first chunk, then live', () => {
    const it = worker();
    expect(it.send('start')).toEqual([{ kind: 'spawn', run: 1 }]);
    expect(it.name()).toBe('starting');
    it.send({ kind: 'started', pid: 7 });
    expect(it.name()).toBe('starting');
    it.send('chunk-out');
    expect(it.name()).toBe('live');
  });

  it('has stalled when tags went in and nothing came out for 1.5 s from the first of them', () => {
    const it = live();
    it.send('tags-in', 1000);
    it.send('tags-in', 2000);
    expect(it.send('tick', 2499)).toEqual([]);
    expect(kinds(it.send('tick', 2500))).toEqual(['report', 'kill']);
    expect(it.name()).toBe('stalled');
    expect(it.send('tick', 60_000)).toEqual([]);
    expect(kinds(it.send(exited))).toEqual(['report', 'spawn']);
  });

  it('has not stalled while its feed is silent', () => {
    const it = live();
    expect(it.send('tick', 600_000)).toEqual([]);
    it.send('tags-in', 600_100);
    it.send('chunk-out', 600_200);
    expect(it.send('tick', 700_000)).toEqual([]);
  });

  it('owes nothing for the last tags before its feed fell silent, and 1.5 s anew when the feed is back', () => {
    const it = live();
    it.send('tags-in', 1000);
    it.send('tags-in', 1400);
    expect(it.send('tick', 2401)).toEqual([]);
    expect(it.send('tick', 600_000)).toEqual([]);
    it.send('tags-in', 600_000);
    it.send('tags-in', 600_900);
    expect(it.send('tick', 601_499)).toEqual([]);
    expect(kinds(it.send('tick', 601_500))).toEqual(['report', 'kill']);
  });

  it('has stalled though its tags come in bursts of a second', () => {
    const it = live();
    for (const atMs of [1000, 2000]) it.send('tags-in', atMs);
    expect(kinds(it.send('tick', 2500))).toEqual(['report', 'kill']);
  });

  it('has 10 s to start, counted from its first tags', () => {
    const it = worker();
    it.send('start');
    expect(it.send('tick', 60_000)).toEqual([]);
    it.send('tags-in', 60_000);
    expect(it.send('tick', 69_999)).toEqual([]);
    expect(kinds(it.send('tick', 70_000))).toEqual(['report', 'kill']);
  });

  it('waits longer for a chunk where parts are longer', () => {
    expect(supervisorLimits(gridOf(rate(25))).stallMs).toBe(1500);
    expect(supervisorLimits({ ...gridOf(rate(25)), partsPerSegment: 1 }).stallMs).toBe(4500);
  });
});

describe('a worker that dies', () => {
  it('is replaced at once, twice; the third death within 30 s waits 0.2 s and says so', () => {
    const it = live();
    expect(kinds(it.send(exited, 1000))).toEqual(['report', 'spawn']);
    expect(kinds(it.send(exited, 2000))).toEqual(['report', 'spawn']);
    const [report, ...rest] = it.send(exited, 3000);
    expect(rest).toEqual([]);
    expect(report).toMatchObject({ level: 'error', code: 'ENCODER_EXITED', lastLines: ['Broken pipe'] });
    expect(report?.kind === 'report' && report.message).toContain('3 times within 30 s; next try in 200 ms');
    expect(it.name()).toBe('failed');
    expect(it.send('tick', 3199)).toEqual([]);
    expect(it.send('tick', 3200)).toEqual([{ kind: 'spawn', run: 4 }]);
  });

  it('is forgiven a death after exactly 30 s', () => {
    const it = live();
    it.send(exited, 1000);
    it.send(exited, 2000);
    expect(kinds(it.send(exited, 31_000))).toEqual(['report', 'spawn']);
  });

  it('backs off 0.2, 0.5, 1, 2, 5, 10, 10 s, and starts over after a quiet half minute', () => {
    const it = live();
    it.send(exited);
    it.send(exited);
    const waits: number[] = [];
    for (let index = 0; index < 7; index++) {
      it.send(exited);
      waits.push(it.state().retryAtMs - it.now());
      expect(it.state().deathsMs).toHaveLength(3);
      it.send('tick', it.state().retryAtMs);
    }
    expect(waits).toEqual([200, 500, 1000, 2000, 5000, 10_000, 10_000]);
    expect(kinds(it.send(exited, it.now() + 31_000))).toEqual(['report', 'spawn']);
    expect(it.state().backOffs).toBe(0);
  });
});

describe('stop', () => {
  it('ends the input, and kills after 5 s, once', () => {
    const it = live();
    expect(it.send('stop', 1000)).toEqual([{ kind: 'end-input', run: 1 }]);
    expect(it.send('tick', 5999)).toEqual([]);
    expect(it.send('tick', 6000)).toEqual([{ kind: 'kill', run: 1 }]);
    expect(it.send('tick', 9000)).toEqual([]);
    expect(it.send(exited)).toEqual([]);
    expect(it.name()).toBe('idle');
  });

  it('is final, also for a worker that waits or is being killed', () => {
    const waiting = live();
    for (let index = 0; index < 3; index++) waiting.send(exited);
    waiting.send('stop');
    expect(waiting.send('tick', 60_000)).toEqual([]);
    expect(waiting.send('start')).toEqual([]);
    const stalled = live();
    stalled.send('tags-in', 300);
    stalled.send('tick', 2000);
    stalled.send('stop');
    expect(stalled.send(exited)).toEqual([]);
    expect(stalled.name()).toBe('idle');
  });
});

describe('whatever happens', () => {
  it('never two processes live, nothing is spawned after stop, and no wait exceeds 10 s', () => {
    const event = fc.constantFrom<SupervisorEvent['kind']>(
      'start',
      'started',
      'tags-in',
      'chunk-out',
      'exited',
      'tick',
      'stop',
    );
    const step = fc.record({ event, afterMs: fc.integer({ min: 0, max: 4000 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const it = worker();
        let alive = 0;
        let stopped = false;
        let nowMs = 0;
        for (const { event: kind, afterMs } of steps) {
          nowMs += afterMs;
          // The process table is honest: only what lives can exit, and it exits once.
          if (kind === 'exited' && alive === 0) continue;
          if (kind === 'exited') alive -= 1;
          if (kind === 'stop') stopped = true;
          for (const command of it.send(kind === 'exited' ? exited : ({ kind, pid: 1 } as SupervisorEvent), nowMs)) {
            if (command.kind === 'spawn') {
              expect(stopped).toBe(false);
              alive += 1;
            }
            if (command.kind !== 'report') expect(command.run).toBe(it.state().run);
            if (command.kind === 'kill' || command.kind === 'end-input') expect(alive).toBe(1);
          }
          expect(alive).toBeLessThanOrEqual(1);
          expect(alive === 1).toBe(['starting', 'live', 'stalled', 'draining'].includes(it.name()));
          if (it.name() === 'failed') expect(it.state().retryAtMs - nowMs).toBeLessThanOrEqual(10_000);
          expect(it.state().deathsMs.length).toBeLessThanOrEqual(SUPERVISOR_LIMITS.deathsUntilBackOff);
        }
      }),
    );
  });
});
