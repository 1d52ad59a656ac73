/**
 * When a Channel's worker is started, replaced, killed and given up for a while: a table of states and events.
 * It never touches a process or a clock: events and the time come in, commands go out as data.
 * Invariants: at most one process lives; nothing is spawned after stop; the wait before a spawn never exceeds 10 s.
 */
import type { ErrorCode } from '../system/errors.ts';
import { deathsReport } from './encoder-death.ts';
import type { EncodeExit, EncodeGrid } from './model.ts';

type WorkerStateName =
  /** Not wanted, or not yet, or no more. */
  | 'idle'
  /** Spawned; no chunk came out yet. */
  | 'starting'
  /** Chunks come out. */
  | 'live'
  /** Did not answer in time, or is replaced: killed, its exit is awaited. */
  | 'stalled'
  /** Its input was closed; killed if it takes too long. */
  | 'draining'
  /** Died too often: waits before it is spawned again. */
  | 'failed';

export type SupervisorEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'started'; readonly pid: number }
  /** Tags were written to the worker, or wait for its full pipe. */
  | { readonly kind: 'tags-in' }
  | { readonly kind: 'chunk-out' }
  | { readonly kind: 'exited'; readonly exit: EncodeExit }
  | { readonly kind: 'tick' }
  /** Another process is wanted in place of this one, at once: its end is no death. */
  | { readonly kind: 'replace' }
  | { readonly kind: 'stop' };

export type SupervisorCommand =
  | { readonly kind: 'spawn'; readonly run: number }
  | { readonly kind: 'kill'; readonly run: number }
  | { readonly kind: 'end-input'; readonly run: number }
  | {
      readonly kind: 'report';
      readonly level: 'info' | 'warn' | 'error';
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string;
      readonly lastLines: readonly string[];
    };

/** Times in ms. */
export interface SupervisorLimits {
  readonly startMs: number;
  readonly stallMs: number;
  /** A feed silent for longer is away: nothing is owed for it. */
  readonly quietMs: number;
  readonly drainMs: number;
  readonly deathWindowMs: number;
  readonly deathsUntilBackOff: number;
  readonly backOffMs: readonly number[];
}

/** State names are the fact, `wanted` is the order; all times are of the caller's one clock, in ms. */
export interface SupervisorState {
  readonly name: WorkerStateName;
  readonly wanted: 'nothing' | 'worker' | 'stop';
  /** Counts the spawns; the current or last process. */
  readonly run: number;
  readonly sinceMs: number;
  /** When the oldest tags went in that no chunk has answered yet. */
  readonly unansweredMs: number | undefined;
  /** When tags went in last. */
  readonly fedMs: number | undefined;
  /** Deaths of the last 30 s. */
  readonly deathsMs: readonly number[];
  readonly backOffs: number;
  readonly retryAtMs: number;
  readonly killed: boolean;
  /** Its end was asked for: it is not counted. */
  readonly replaced: boolean;
}

export interface SupervisorStep {
  readonly state: SupervisorState;
  readonly commands: readonly SupervisorCommand[];
}

export const SUPERVISOR_LIMITS: SupervisorLimits = {
  startMs: 10_000,
  stallMs: 1500,
  quietMs: 1000,
  drainMs: 5000,
  deathWindowMs: 30_000,
  deathsUntilBackOff: 3,
  backOffMs: [200, 500, 1000, 2000, 5000, 10_000],
};

/** The limits for a grid: a worker owes a chunk every part, so long parts need a longer wait than 1.5 s. */
export function supervisorLimits(grid: EncodeGrid): SupervisorLimits {
  const partMs = grid.segmentMs / grid.partsPerSegment;
  return { ...SUPERVISOR_LIMITS, stallMs: Math.max(SUPERVISOR_LIMITS.stallMs, Math.round(2 * partMs + 500)) };
}

export function idleSupervisor(nowMs: number): SupervisorState {
  return {
    name: 'idle',
    wanted: 'nothing',
    run: 0,
    sinceMs: nowMs,
    unansweredMs: undefined,
    fedMs: undefined,
    deathsMs: [],
    backOffs: 0,
    retryAtMs: nowMs,
    killed: false,
    replaced: false,
  };
}

interface Moment {
  readonly nowMs: number;
  readonly limits: SupervisorLimits;
}
type Handler<K extends SupervisorEvent['kind']> = (
  state: SupervisorState,
  event: Extract<SupervisorEvent, { kind: K }>,
  moment: Moment,
) => SupervisorStep;
type Row = { readonly [K in SupervisorEvent['kind']]?: Handler<K> };

/** What is not in the table changes nothing: a late progress line of a draining worker, a second stop. */
const TABLE: Readonly<Record<WorkerStateName, Row>> = {
  idle: { start: startWanted, stop: stopWithoutProcess },
  starting: {
    'tags-in': tagsIn,
    'chunk-out': firstChunk,
    tick: killLateStart,
    replace: killReplaced,
    exited: died,
    stop: closeInput,
  },
  live: {
    'tags-in': tagsIn,
    'chunk-out': answered,
    tick: killStalled,
    replace: killReplaced,
    exited: died,
    stop: closeInput,
  },
  stalled: { exited: died, stop: stopKilled },
  draining: { tick: killSlowDrain, exited: drained },
  failed: { tick: retryWhenDue, stop: stopWithoutProcess },
};

/** One transition. The caller obeys the commands in order and sends exactly one `exited` per `spawn`, also when the spawn failed. */
export function superviseWorker(
  state: SupervisorState,
  event: SupervisorEvent,
  nowMs: number,
  limits: SupervisorLimits = SUPERVISOR_LIMITS,
): SupervisorStep {
  const handler = TABLE[state.name][event.kind] as Handler<SupervisorEvent['kind']> | undefined;
  return handler === undefined ? stay(state) : handler(state, event, { nowMs, limits });
}

function stay(state: SupervisorState, ...commands: SupervisorCommand[]): SupervisorStep {
  return { state, commands };
}

function spawn(state: SupervisorState, nowMs: number): SupervisorStep {
  const run = state.run + 1;
  return {
    state: {
      ...state,
      name: 'starting',
      run,
      sinceMs: nowMs,
      unansweredMs: undefined,
      fedMs: undefined,
      killed: false,
      replaced: false,
    },
    commands: [{ kind: 'spawn', run }],
  };
}

function startWanted(state: SupervisorState, _event: unknown, { nowMs }: Moment): SupervisorStep {
  // A stop is final: who wants a worker again makes a new supervisor.
  return state.wanted === 'stop' ? stay(state) : spawn({ ...state, wanted: 'worker' }, nowMs);
}

function stopWithoutProcess(state: SupervisorState, _event: unknown, { nowMs }: Moment): SupervisorStep {
  return stay({ ...state, name: 'idle', wanted: 'stop', sinceMs: nowMs });
}

function closeInput(state: SupervisorState, _event: unknown, { nowMs }: Moment): SupervisorStep {
  return stay(
    { ...state, name: 'draining', wanted: 'stop', sinceMs: nowMs, killed: false },
    { kind: 'end-input', run: state.run },
  );
}

function stopKilled(state: SupervisorState, _event: unknown, { nowMs }: Moment): SupervisorStep {
  return stay({ ...state, name: 'draining', wanted: 'stop', sinceMs: nowMs, killed: true });
}

function tagsIn(state: SupervisorState, _event: unknown, { nowMs, limits }: Moment): SupervisorStep {
  const isBack = isQuiet(state, nowMs, limits);
  return stay({ ...state, fedMs: nowMs, unansweredMs: isBack ? nowMs : (state.unansweredMs ?? nowMs) });
}

/** The last tags before a pause are never answered: they wait inside the encoder for those that follow. */
function isQuiet(state: SupervisorState, nowMs: number, limits: SupervisorLimits): boolean {
  return state.fedMs !== undefined && nowMs - state.fedMs > limits.quietMs;
}

function firstChunk(state: SupervisorState, _event: unknown, { nowMs }: Moment): SupervisorStep {
  return stay({ ...state, name: 'live', sinceMs: nowMs, unansweredMs: undefined });
}

function answered(state: SupervisorState): SupervisorStep {
  return stay({ ...state, unansweredMs: undefined });
}

/** The 10 s count from the first tags: a worker cannot encode what its publisher has not sent. */
function killLateStart(state: SupervisorState, _event: unknown, { nowMs, limits }: Moment): SupervisorStep {
  if (state.unansweredMs === undefined || nowMs - state.unansweredMs < limits.startMs) return stay(state);
  return killSilent(state, nowMs, 'ENCODER_START', `the encoder made nothing within ${limits.startMs} ms of its start`);
}

function killStalled(state: SupervisorState, _event: unknown, { nowMs, limits }: Moment): SupervisorStep {
  if (state.unansweredMs === undefined || nowMs - state.unansweredMs < limits.stallMs) return stay(state);
  if (isQuiet(state, nowMs, limits)) return stay(state);
  return killSilent(state, nowMs, 'ENCODER_STALLED', `the encoder was fed but made nothing for ${limits.stallMs} ms`);
}

function killSilent(state: SupervisorState, nowMs: number, code: ErrorCode, message: string): SupervisorStep {
  return stay(
    { ...state, name: 'stalled', sinceMs: nowMs, killed: true },
    {
      kind: 'report',
      level: 'warn',
      code,
      message,
      hint: 'It is killed and replaced. If this repeats, look at the load of the machine and at the feed.',
      lastLines: [],
    },
    { kind: 'kill', run: state.run },
  );
}

function killReplaced(state: SupervisorState, _event: unknown, { nowMs }: Moment): SupervisorStep {
  return stay(
    { ...state, name: 'stalled', sinceMs: nowMs, killed: true, replaced: true },
    { kind: 'kill', run: state.run },
  );
}

function killSlowDrain(state: SupervisorState, _event: unknown, { nowMs, limits }: Moment): SupervisorStep {
  if (state.killed || nowMs - state.sinceMs < limits.drainMs) return stay(state);
  return stay({ ...state, killed: true }, { kind: 'kill', run: state.run });
}

function drained(state: SupervisorState, _event: unknown, { nowMs }: Moment): SupervisorStep {
  return stay({ ...state, name: 'idle', sinceMs: nowMs });
}

function retryWhenDue(state: SupervisorState, _event: unknown, { nowMs }: Moment): SupervisorStep {
  return nowMs < state.retryAtMs ? stay(state) : spawn(state, nowMs);
}

/** A dead worker is replaced at once; from the third death within 30 s on there is a growing wait before the next. */
function died(
  state: SupervisorState,
  event: Extract<SupervisorEvent, { kind: 'exited' }>,
  { nowMs, limits }: Moment,
): SupervisorStep {
  if (state.replaced) return spawn(state, nowMs);
  const recent = state.deathsMs.filter((at) => nowMs - at < limits.deathWindowMs);
  const deathsMs = [...recent, nowMs].slice(-limits.deathsUntilBackOff);
  const backsOff = deathsMs.length >= limits.deathsUntilBackOff;
  const backOffs = backsOff ? state.backOffs + 1 : 0;
  const waitMs = backsOff ? (limits.backOffMs[Math.min(backOffs, limits.backOffMs.length) - 1] ?? 0) : 0;
  const report = deathsReport(event.exit, { waitMs, deaths: deathsMs.length, windowMs: limits.deathWindowMs });
  const dead: SupervisorState = { ...state, deathsMs, backOffs, unansweredMs: undefined };
  if (!backsOff) {
    const next = spawn(dead, nowMs);
    return { state: next.state, commands: [report, ...next.commands] };
  }
  return stay({ ...dead, name: 'failed', sinceMs: nowMs, retryAtMs: nowMs + waitMs }, report);
}
