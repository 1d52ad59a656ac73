/** A Channel that is begun again from its journal and its store, as after a kill of the service. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ChannelEntry, clockAheadMs, fewerEntries, readFormerLife } from '../../../src/channel/former-life.ts';
import { SlateShelf } from '../../../src/channel/slate-shelf.ts';
import { makeGrid } from '../../../src/package/grid.ts';
import { aheadClock } from '../../../src/system/clock.ts';
import { openMemoryJournal } from '../../../src/window/memory-journal.ts';
import type { Journal } from '../../../src/window/model.ts';
import { ChannelWorld, type WorldOptions } from '../../fakes/channel-world.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';
import { MemoryLog } from '../../fakes/memory-log.ts';
import { SOURCE } from '../../fakes/publisher-feed.ts';
import { ladderOf, rung } from '../../fakes/transcode-plan.ts';

vi.mock('../../../src/transcode/ffmpeg-process.ts', () => import('../../fakes/manual-encoder.ts'));
vi.mock('../../../src/transcode/slate-picture.ts', () => ({ slatePicture: () => ({ rgb: Buffer.from('picture') }) }));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'restart-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A journal whose entries are lines, as on a disk. */
function notebook(incarnation = 'i1'): { readonly journal: Journal<ChannelEntry>; readonly lines: string[] } {
  const lines: string[] = [];
  const memory = openMemoryJournal(incarnation);
  const note = (entry: ChannelEntry) => void lines.push(JSON.stringify(entry));
  return { lines, journal: { ...memory, incarnation, note } };
}

const shelf = (clock = new ManualClock()) => new SlateShelf(folder, clock, new MemoryLog());

/** One life after another on the same journal, store and shelf. */
class Lives {
  readonly notebook = notebook();
  it: ChannelWorld;

  constructor(options: WorldOptions = {}) {
    this.it = new ChannelWorld({ ...options, journal: this.notebook.journal, slates: shelf() });
  }

  kill(awayMs: number, options: WorldOptions = {}, isContinued = true): ChannelWorld {
    const { lines, journal } = this.notebook;
    const former = { ...readFormerLife(lines.map((line) => JSON.parse(line) as unknown)), isContinued, numbersFrom: 0 };
    const before = this.it;
    this.it = new ChannelWorld({ ...options, journal, former, slates: shelf(), store: before.store });
    this.it.clock.advanceTo(before.nowMs + awayMs);
    return this.it;
  }
}

async function livingLow() {
  const lives = new Lives({ settings: { latency: 'low' } });
  await lives.it.open();
  return lives;
}

const dvr = (it: ChannelWorld, track = 'v720'): string => {
  const answer = it.channel.text({ kind: 'hls-dvr-media', track });
  if (answer.kind !== 'ready') throw new Error(answer.kind);
  return answer.revision.text;
};

describe('a Channel begun again', () => {
  test('answers its texts before it is opened, byte for byte those of before, and its media', async () => {
    const lives = new Lives();
    await lives.it.open();
    const feed = lives.it.publish();
    feed.announce();
    lives.it.deliver(lives.it.startWorker(), 0);
    lives.it.untilLive();
    const before = ['v720', 'a'].map((track) => dvr(lives.it, track));
    const number = lives.it.listed().at(-1)!;
    const gen = /(\w+)\/\d+\.m4s/.exec(before[0]!)![1]!;
    const body = lives.it.channel.media({ kind: 'segment', track: 'v720', gen, number });
    const it = lives.kill(1500);
    expect(['v720', 'a'].map((track) => dvr(it, track))).toEqual(before);
    expect(it.channel.media({ kind: 'segment', track: 'v720', gen, number })).toEqual(body);
    expect(it.channel.text({ kind: 'dash' }).kind).toBe('ready');
  });

  test('fills what passed with the slate from the shelf at once, encodes none, and says what it found', async () => {
    const lives = new Lives();
    await lives.it.open();
    const newest = lives.it.status.newestNumber!;
    const it = lives.kill(9000);
    it.channel.open();
    expect(it.slateEncoders).toEqual([]);
    expect(it.status).toMatchObject({ state: 'slate', onAir: 'slate', fresh: true, newestNumber: newest + 5 });
    expect(dvr(it)).not.toContain('#EXT-X-DISCONTINUITY\n');
    const numbers = it.listed();
    expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i));
    expect(it.log.saying('window of the former life goes on')).toEqual([
      expect.objectContaining({ segments: 30, to: newest, filled: 5, isOver: false, ended: false }),
    ]);
  });

  test('has a publisher that comes back on the plan of before: nothing is declared', async () => {
    const lives = new Lives();
    await lives.it.open();
    lives.it.publish().announce();
    lives.it.deliver(lives.it.startWorker(), 0);
    lives.it.untilLive();
    const it = lives.kill(1500);
    it.channel.open();
    it.publish().announce();
    const worker = it.startWorker();
    it.deliver(worker, 0);
    it.deliver(worker, 1);
    it.untilLive();
    expect(dvr(it)).not.toContain('#EXT-X-DISCONTINUITY\n');
    expect(it.log.saying('period begun')).toEqual([]);
    expect(it.codes()).toEqual([]);
  });

  test('keeps the Grid that the first publish gave it: one of another rate is conformed to it, nothing is declared', async () => {
    const p25 = makeGrid({ num: 25, den: 1 }, 2);
    const lives = new Lives();
    await lives.it.open();
    lives.it.publish().announce({ ...SOURCE, video: { ...SOURCE.video!, frameRate: { num: 25, den: 1 } } });
    await lives.it.makeSlate(p25);
    lives.it.deliver(lives.it.startWorker(p25), 0, p25);
    lives.it.untilLive();
    const it = lives.kill(1500);
    it.channel.open();
    it.publish().announce();
    const worker = it.startWorker(p25);
    for (const n of [0, 1]) it.deliver(worker, n, p25);
    it.untilLive();
    expect(it.slateEncoders).toEqual([]);
    expect(it.log.saying('period begun')).toEqual([]);
  });

  test('finishes the Segment that was open, with the parts that were listed (latency low)', async () => {
    const lives = await livingLow();
    lives.it.clock.advance(900);
    const answer = lives.it.channel.text({ kind: 'hls-media', track: 'v720' });
    const text = answer.kind === 'ready' ? answer.revision.text : '';
    const parts = [...text.matchAll(/EXT-X-PART:.*URI="(\w+)\/(\d+)\.(\d)\.m4s"/g)].map(([, gen, number, part]) => ({
      gen: gen!,
      number: Number(number),
      part: Number(part),
    }));
    const open = parts.filter(({ number }) => number === lives.it.status.newestNumber! + 1);
    expect(open.length).toBeGreaterThan(0);
    const bodies = open.map((part) => lives.it.channel.media({ kind: 'part', track: 'v720', ...part }));
    const it = lives.kill(700, { settings: { latency: 'low' } });
    it.channel.open();
    expect(open.map((part) => it.channel.media({ kind: 'part', track: 'v720', ...part }))).toEqual(bodies);
    it.clock.advance(3000);
    expect(it.status.newestNumber).toBeGreaterThanOrEqual(open[0]!.number);
    expect(dvr(it)).not.toContain('#EXT-X-DISCONTINUITY\n');
    expect(it.codes()).toEqual([]);
  });

  test('in latency low takes no slate of a Channel of latency normal, though its headers are the same', async () => {
    const lives = await livingLow();
    const [own] = readdirSync(folder);
    const normal = new ChannelWorld({ slates: shelf() });
    await normal.open();
    utimesSync(join(folder, own!), 1, 1);
    // Meanwhile the encoders of the other Channel are forgotten: nothing of this one was waiting.
    lives.it.clock.advance(900);
    const it = lives.kill(700, { settings: { latency: 'low' } });
    it.channel.open();
    it.clock.advance(3000);
    expect(dvr(it)).not.toContain('#EXT-X-DISCONTINUITY\n');
    expect(it.slateEncoders).toEqual([]);
  });

  test('after an end is ended still, and begins another presentation with the next publish', async () => {
    const lives = new Lives({ settings: { absentTimeoutMs: 60_000 } });
    await lives.it.open();
    const feed = lives.it.publish();
    feed.announce();
    lives.it.deliver(lives.it.startWorker(), 0);
    feed.end();
    lives.it.clock.advance(62_000);
    const ended = dvr(lives.it);
    const it = lives.kill(30_000, { settings: { absentTimeoutMs: 60_000 } });
    it.channel.open();
    expect(it.status.state).toBe('ended');
    expect(dvr(it)).toBe(ended);
    expect(ended).toContain('#EXT-X-ENDLIST');
    const last = it.listed().at(-1)!;
    it.publish().announce();
    expect(it.listed()[0]).toBeGreaterThan(last);
  });

  test('after the whole window begins another presentation on slate: higher numbers, the next discontinuity sequence', async () => {
    const lives = new Lives();
    await lives.it.open();
    const newest = lives.it.status.newestNumber!;
    const it = lives.kill(3_600_000);
    it.channel.open();
    expect(it.status).toMatchObject({ state: 'slate', fresh: true });
    expect(it.listed()).toHaveLength(30);
    expect(it.listed()[0]).toBeGreaterThan(newest);
    expect(dvr(it)).toContain('#EXT-X-DISCONTINUITY-SEQUENCE:2\n');
  });

  test('with another ladder keeps what there is; the other Tracks are a declared Period', async () => {
    const lives = new Lives();
    await lives.it.open();
    const before = lives.it.listed();
    const it = lives.kill(3000, { ladder: ladderOf([rung('v480', 480)]) });
    it.channel.open();
    await it.makeSlate();
    expect(it.listed('v720').slice(0, 10)).toEqual(before.slice(0, 10).map((n) => n));
    it.publish().announce();
    it.deliver(it.startWorker(), 0);
    it.untilLive();
    const answer = it.channel.text({ kind: 'dash-dvr' });
    expect(answer.kind === 'ready' && answer.revision.text.match(/<Period /g)).toHaveLength(2);
    expect(it.codes()).toEqual([]);
  });

  test('whose journal may lack its last lines makes nothing under the GENs of before', async () => {
    const lives = await livingLow();
    lives.it.clock.advance(900);
    const gen = /(\w+)\/\d+\.m4s/.exec(dvr(lives.it))![1]!;
    const newest = lives.it.status.newestNumber!;
    const it = lives.kill(1000, { settings: { latency: 'low' } }, false);
    it.channel.open();
    it.clock.advance(6000);
    const text = dvr(it);
    expect(text).toContain('#EXT-X-DISCONTINUITY\n');
    const numbers = [...text.matchAll(/(\w+)\/(\d+)\.m4s/g)].filter(([, of]) => of === gen).map(([, , n]) => Number(n));
    expect(Math.max(...numbers)).toBe(newest);
    expect(it.codes()).toEqual([]);
  });

  test('whose journal nobody understands begins anew under another GEN, and says so; the life after it goes on with that', async () => {
    const lives = new Lives();
    await lives.it.open();
    const gen = /(\w+)\/\d+\.m4s/.exec(dvr(lives.it))![1]!;
    lives.notebook.lines.push('{"kind":"of-the-future","what":1}');
    const it = lives.kill(2000);
    const said =
      'the journal is of another version or broken: the channel begins anew, what was in its window is in no list any more';
    expect(it.log.saying(said)).toEqual([expect.objectContaining({ code: 'JOURNAL_VERSION' })]);
    it.channel.open();
    expect(it.status.state).toBe('slate');
    expect(it.codes()).toEqual([]);
    expect(dvr(it)).not.toContain(gen);
    const text = dvr(it);
    const again = lives.kill(500);
    expect(dvr(again)).toBe(text);
  });
});

test('a Channel whose journal is lost goes on above the numbers that are known of it', async () => {
  const lost = (numbersFrom: number) => {
    const { journal } = notebook('i2');
    const former = { ...readFormerLife([]), isContinued: false, numbersFrom };
    return new ChannelWorld({ journal, former });
  };
  const fresh = lost(0);
  await fresh.open();
  const newest = fresh.status.newestNumber!;
  const near = lost(newest - 2);
  await near.open();
  expect(near.listed()).toEqual([newest - 2, newest - 1, newest]);
  const ahead = lost(newest + 1800);
  await ahead.open();
  expect(ahead.listed()[0]).toBe(newest + 1800);
});

describe('the shelf of slates', () => {
  test('parts are finished with independent parts alone; a Segment of a Channel without parts with either', async () => {
    const lives = await livingLow();
    const [ofLow] = readdirSync(folder);
    const normal = new ChannelWorld({ slates: shelf() });
    await normal.open();
    const [ofNormal] = readdirSync(folder).filter((name) => name !== ofLow);
    const former = readFormerLife(lives.notebook.lines.map((line) => JSON.parse(line) as unknown));
    const { period } = former.snapshot!.segments.at(-1)!;
    const fits = (hasParts: boolean) => shelf().fitting(period, hasParts)?.hasIndependentParts;
    // The newest is looked at first: it is taken where it is right, and passed over where another one is.
    for (const newest of [ofLow!, ofNormal!]) {
      for (const name of readdirSync(folder)) utimesSync(join(folder, name), 1, name === newest ? 2 : 1);
      expect([fits(true), fits(false)]).toEqual([true, false]);
    }
    const bytes = readFileSync(join(folder, ofLow!));
    rmSync(join(folder, ofLow!));
    expect([fits(true), fits(false)]).toEqual([undefined, false]);
    rmSync(join(folder, ofNormal!));
    writeFileSync(join(folder, ofLow!), bytes);
    expect([fits(true), fits(false)]).toEqual([true, true]);
    const other = { ...period.tracks[0]!, id: 'other' };
    expect(shelf().fitting({ ...period, tracks: [...period.tracks, other] }, true)).toBeUndefined();
  });

  test('a slate that is cut, changed or of another version is encoded anew', async () => {
    const lives = new Lives();
    await lives.it.open();
    const [name] = readdirSync(folder);
    const path = join(folder, name!);
    const whole = readFileSync(path);
    for (const bytes of [
      whole.subarray(0, whole.length - 1),
      Buffer.concat([whole.subarray(0, 200), Buffer.from([whole[200]! ^ 1]), whole.subarray(201)]),
      Buffer.concat([Buffer.from('pitchside-slate 2'), whole.subarray(17)]),
      Buffer.alloc(0),
    ]) {
      writeFileSync(path, bytes);
      const it = lives.kill(1000);
      it.channel.open();
      expect(it.slateEncoders).toHaveLength(1);
    }
    writeFileSync(path, whole);
    const it = lives.kill(1000);
    it.channel.open();
    expect(it.slateEncoders).toEqual([]);
  });

  test('another picture, ladder or program is another slate; the newest 32 are kept', async () => {
    const clock = new ManualClock();
    const kept = shelf(clock);
    for (let n = 0; n < 40; n++) kept.write(`key-${String(n).padStart(2, '0')}`, Buffer.from(`${n}`));
    expect(readdirSync(folder)).toHaveLength(32);
    const lives = new Lives();
    await lives.it.open();
    const it = lives.kill(1000, { settings: { slatePath: '/no/such.png' } });
    it.channel.open();
    expect(it.slateEncoders).toHaveLength(1);
  });
});

describe('the clock across a start', () => {
  const life = (entries: readonly ChannelEntry[]) => readFormerLife(entries);
  const clockEntry: ChannelEntry = { kind: 'clock', bootId: 'boot', zeroMs: 1_795_000_000_000 };

  test('stepped back while the machine is up: the service goes on by the monotonic clock', () => {
    const now = { bootId: 'boot', zeroMs: clockEntry.zeroMs - 3_600_000, nowMs: 0 };
    expect(clockAheadMs(life([clockEntry]), now)).toBe(3_600_000);
  });

  test('stepped forward, or a little: it is followed', () => {
    expect(clockAheadMs(life([clockEntry]), { bootId: 'boot', zeroMs: clockEntry.zeroMs + 3_600_000, nowMs: 0 })).toBe(
      0,
    );
    expect(clockAheadMs(life([clockEntry]), { bootId: 'boot', zeroMs: clockEntry.zeroMs - 900, nowMs: 0 })).toBe(0);
  });

  test('behind what was published after a new start of the machine: it goes on from the newest Segment', async () => {
    const lives = new Lives();
    await lives.it.open();
    const former = readFormerLife(lives.notebook.lines.map((line) => JSON.parse(line) as unknown));
    const edgeMs = lives.it.status.newestEndMs!;
    const now = { bootId: 'other', zeroMs: 0, nowMs: edgeMs - 3_600_000 };
    expect(clockAheadMs(former, now)).toBe(3_600_000);
    expect(clockAheadMs(former, { ...now, nowMs: edgeMs - 9000 })).toBe(0);
    const behind = new ManualClock(now.nowMs);
    const ahead = aheadClock(behind, 3_600_000);
    expect([ahead.nowMs(), ahead.utcMsOf(1_000_000), ahead.monotonicUs()]).toEqual([edgeMs, edgeMs + 1000, 0]);
  });
});

test('a journal made fewer says the same: the newest plan and clock, and what came after it was begun anew', async () => {
  const lives = new Lives();
  await lives.it.open();
  lives.it.publish().announce();
  lives.it.clock.advance(60_000);
  const entries = lives.notebook.lines.map((line) => JSON.parse(line) as ChannelEntry);
  const clocks: ChannelEntry[] = [1, 2].map((zeroMs) => ({ kind: 'clock', bootId: null, zeroMs }));
  const all = [...clocks, ...entries, { kind: 'anew', mark: 'm' } as const, ...clocks, ...entries];
  const fewer = fewerEntries(all);
  expect(fewer.length).toBeLessThan(all.length / 1.9);
  expect(readFormerLife(fewer)).toEqual(readFormerLife(all));
  expect(readFormerLife(fewer)).toMatchObject({ mark: 'm', clock: { zeroMs: 2 }, plan: { kind: 'plan' } });
});
