/**
 * Which fault comes when: a pure function of seed, length and lanes, and its JSON lines, which replay.
 * It knows nothing of processes. Invariant: the same seed and length give the same lines; a line alone says all that its fault does.
 */

/** What can go wrong, with its figures. `service` is the lane of what both channels share. */
export type Fault =
  | { readonly kind: 'publisher-kill'; readonly backAfterMs: number; readonly startStamp?: number }
  | { readonly kind: 'publisher-stop'; readonly forMs: number }
  | { readonly kind: 'second-publisher' }
  | { readonly kind: 'worker-kill' }
  | { readonly kind: 'worker-stop' }
  | { readonly kind: 'stamps-shift'; readonly byMs: number }
  | { readonly kind: 'sound-shift'; readonly byMs: number; readonly forMs: number }
  | { readonly kind: 'track-away'; readonly track: 'audio' | 'video'; readonly forMs: number }
  | { readonly kind: 'other-picture'; readonly clip: string }
  | { readonly kind: 'rtmp-child-kill' }
  | { readonly kind: 'service-kill'; readonly backAfterMs: number };

export interface ScheduledFault {
  readonly kind: 'fault';
  readonly atMs: number;
  readonly lane: string;
  readonly fault: Fault;
}

interface ScheduleOptions {
  readonly seed: number;
  readonly lengthMs: number;
  readonly channels: readonly string[];
  /** Clips to change to in mid-stream. */
  readonly clips: readonly string[];
}

/** Nothing happens before, so that both channels are live, and none in the last seconds, so that all can come back. */
const FIRST_MS = 6_000;
const LAST_MS = 14_000;

/** Mulberry32: 32 bits of state, one number in [0, 1) a call. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Pick = <T>(...of: readonly T[]) => T;

const TABLE: readonly ((pick: Pick, clips: readonly string[]) => Fault)[] = [
  (pick) => ({ kind: 'publisher-kill', backAfterMs: pick(500, 5_000, 20_000) }),
  (pick) => ({ kind: 'publisher-kill', backAfterMs: pick(500, 5_000) }),
  () => ({ kind: 'publisher-kill', backAfterMs: 500, startStamp: 2 ** 32 - 6_000 }),
  () => ({ kind: 'publisher-stop', forMs: 3_000 }),
  () => ({ kind: 'second-publisher' }),
  () => ({ kind: 'worker-kill' }),
  () => ({ kind: 'worker-stop' }),
  (pick) => ({ kind: 'stamps-shift', byMs: pick(700, 2_000, 60_000, 3_600_000) }),
  (pick) => ({ kind: 'stamps-shift', byMs: -pick(700, 2_000, 60_000, 3_600_000) }),
  (pick) => ({ kind: 'sound-shift', byMs: pick(-30_000, -1_200, 1_200, 30_000), forMs: 6_000 }),
  (pick) => ({ kind: 'track-away', track: pick('audio', 'video'), forMs: 10_000 }),
  (pick, clips) => ({ kind: 'other-picture', clip: pick(...clips) }),
];

/** How long the fault itself goes on; what the service does about it comes on top. */
export function lastsMs(fault: Fault): number {
  if (fault.kind === 'publisher-kill' || fault.kind === 'service-kill') return fault.backAfterMs;
  return 'forMs' in fault ? fault.forMs : 0;
}

export function planFaults({ seed, lengthMs, channels, clips }: ScheduleOptions): readonly ScheduledFault[] {
  const lanes = channels.flatMap((lane, at) => {
    const random = randomOf(seed * 31 + at);
    const pick: Pick = (...of) => of[Math.floor(random() * of.length)] as (typeof of)[number];
    const faults: ScheduledFault[] = [];
    for (let atMs = FIRST_MS + random() * 4_000; ; ) {
      const fault = pick(...TABLE)(pick, clips);
      const endMs = atMs + lastsMs(fault);
      if (endMs > lengthMs - LAST_MS) break;
      faults.push({ kind: 'fault', atMs: Math.round(atMs), lane, fault });
      // Some faults meet the recovery from the one before, most find it done.
      atMs = endMs + (random() < 0.3 ? 1_000 + random() * 3_000 : 8_000 + random() * 7_000);
    }
    return faults;
  });
  return [...lanes, ...sharedKills(seed, lengthMs)].sort((a, b) => a.atMs - b.atMs);
}

/** Of what both channels share: the process that takes RTMP, and the service itself. */
function sharedKills(seed: number, lengthMs: number): ScheduledFault[] {
  const random = randomOf(seed * 31 + 30);
  const faults: ScheduledFault[] = [];
  for (let atMs = 15_000 + random() * 20_000; atMs < lengthMs - LAST_MS; atMs += 60_000 + random() * 90_000) {
    const isService = random() < 0.5;
    const backAfterMs = [0, 1_000, 8_000][Math.floor(random() * 3)] ?? 0;
    const fault: Fault = isService ? { kind: 'service-kill', backAfterMs } : { kind: 'rtmp-child-kill' };
    faults.push({ kind: 'fault', atMs: Math.round(atMs), lane: 'service', fault });
  }
  return faults;
}

/** The faults in a log of an earlier run. Throws on a line that is no JSON. */
export function readSchedule(log: string): readonly ScheduledFault[] {
  const lines = log.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as ScheduledFault).filter(({ kind }) => kind === 'fault');
}
