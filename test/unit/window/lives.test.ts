/**
 * Lives of the service on one disk: what the next one finds after an end in order, a kill, a power loss at any byte, a disk that was out
 * of order. The law: no URL ever has two bodies (src/README.md: Generation).
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { OpenWindow } from '../../../src/window/open-window.ts';
import { diskWorld, openLife, settled, type World } from '../../fakes/disk-window.ts';
import { failure, PowerLoss } from '../../fakes/manual-disk.ts';

const GEN_NUMBER = 100;
const key = (gen: string, number: number) => ({ track: 'v1', gen, number });
const body = (text: string, publishedMs: number) => ({
  bytes: Buffer.from(text),
  contentType: 'video/mp4',
  publishedMs,
});

/** Every body that any life has served, by URL. */
class Served {
  readonly #bodies = new Map<string, string>();

  note(url: string, text: string): void {
    expect(this.#bodies.get(url) ?? text, url).toBe(text);
    this.#bodies.set(url, text);
  }

  get size(): number {
    return this.#bodies.size;
  }
}

/** Does what a Channel does: goes on where the life before ended, part by part, every body different from any other. */
class Programme {
  readonly #window: OpenWindow<string>;
  readonly #served: Served;
  readonly #world: World;
  readonly #life: string;
  #number: number;
  #gen: string;
  #parts: string[] = [];

  constructor(world: World, window: OpenWindow<string>, served: Served, life: string) {
    this.#world = world;
    this.#window = window;
    this.#served = served;
    this.#life = life;
    this.#gen = `gen-${window.journal.incarnation}`;
    const last = window.isContinued ? window.journal.lastBegun(this.#gen) : undefined;
    this.#number = last ?? GEN_NUMBER + Number(life) * 1000;
    if (last === undefined) this.#begin();
    else if (window.store.segment(key(this.#gen, last)) !== undefined) this.#next();
    else this.#resume();
  }

  #begin(): void {
    if (this.#window.journal.begin(this.#gen, this.#number)) return;
    // As a Channel that failed: everything anew, under another GEN.
    this.#gen = `gen-${this.#window.journal.incarnation}`;
    expect(this.#window.journal.begin(this.#gen, this.#number)).toBe(true);
  }

  #next(): void {
    this.#number += 1;
    this.#parts = [];
    this.#begin();
  }

  /** The Segment that was begun last: its parts stay. */
  #resume(): void {
    for (let part = 0; ; part++) {
      const object = this.#window.store.part(key(this.#gen, this.#number), part);
      if (object === undefined) return;
      this.#parts.push(object.bytes?.toString() ?? '');
    }
  }

  #carryOut(what: () => void): void {
    if (this.#world.disk.isDead) throw new PowerLoss('killed');
    try {
      what();
    } catch (thrown) {
      // The window's own refusal, not the test's.
      if ((thrown as NodeJS.ErrnoException).code !== 'ERR_ASSERTION') throw thrown;
      this.#gen = `gen-${this.#window.journal.incarnation}`;
      this.#next();
    }
  }

  part(): void {
    const text = `${this.#life}/${this.#number}/${this.#parts.length};`;
    const nowMs = this.#world.clock.nowMs();
    this.#carryOut(() => {
      this.#window.store.putPart(key(this.#gen, this.#number), this.#parts.length, body(text, nowMs));
      if (this.#world.disk.isDead) throw new PowerLoss('killed');
      this.#served.note(`${this.#gen}/${this.#number}.${this.#parts.length}`, text);
      this.#parts.push(text);
    });
  }

  finish(): void {
    const parts = [...this.#parts, `${this.#life}/${this.#number}/end`];
    const [segment, publishedMs] = [key(this.#gen, this.#number), this.#world.clock.nowMs()];
    this.#carryOut(() => {
      const input = {
        key: segment,
        parts: parts.map((text) => Buffer.from(text)),
        contentType: 'video/mp4',
        publishedMs,
      };
      this.#window.store.putSegment(input);
      if (this.#world.disk.isDead) throw new PowerLoss('killed');
      this.#served.note(`${this.#gen}/${this.#number}`, parts.join(''));
      this.#window.journal.note(`${this.#number}`);
      this.#next();
    });
  }
}

/** How much of what was not synced a power loss leaves, by path. */
const SHARES: readonly ((path: string) => number)[] = [
  () => 0,
  () => 0.5,
  (path) => (path.endsWith('journal') ? 1 : 0.5),
  (path) => (path.endsWith('journal') ? 0 : 1),
];

type Act =
  | 'part'
  | 'finish'
  | 'second'
  | 'full'
  | 'read-only'
  | 'fine'
  | 'no-beacon'
  | 'beacon'
  | 'kill'
  | 'end'
  | 'reboot';
const act = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<Act>('part', 'part', 'finish') },
  { weight: 1, arbitrary: fc.constantFrom<Act>('full', 'read-only', 'fine', 'fine', 'no-beacon', 'beacon') },
  { weight: 1, arbitrary: fc.constantFrom<Act>('second', 'second', 'kill', 'end', 'reboot') },
);

async function live(acts: readonly Act[]): Promise<number> {
  const world = diskWorld();
  const served = new Served();
  let lives = 1;
  let window = await openLife(world);
  let programme = new Programme(world, window, served, '1');
  for (const each of acts) {
    switch (each) {
      case 'part':
        programme.part();
        break;
      case 'finish':
        programme.finish();
        break;
      case 'second':
        world.clock.advance(40_000);
        await settled();
        break;
      case 'full':
        world.disk.capacityBytes = world.disk.usedBytes + 30;
        break;
      case 'read-only':
        world.disk.fault = failure('EROFS');
        break;
      case 'fine':
        world.disk.fault = undefined;
        world.disk.capacityBytes = Number.POSITIVE_INFINITY;
        break;
      case 'no-beacon':
        world.beacons.isBroken = true;
        break;
      case 'beacon':
        world.beacons.isBroken = false;
        break;
      default: {
        if (each === 'end') await window.close();
        const { fault, capacityBytes } = world.disk;
        world.disk.stopAt = world.disk.steps;
        world.disk = each === 'reboot' ? world.disk.afterPowerLoss(() => 0.5) : world.disk.afterKill();
        Object.assign(world.disk, { fault, capacityBytes });
        if (each === 'reboot') world.boot += '+';
        lives += 1;
        window = await openLife(world);
        programme = new Programme(world, window, served, String(lives));
      }
    }
  }
  return served.size;
}

it('property: no URL has two bodies, whatever happens to the disk, its beacon and the lives on it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 60 }), async (acts) => void (await live(acts))),
    { numRuns: 300 },
  );
});

it('no URL has two bodies, whichever byte the life before was killed at', async () => {
  const act = (programme: Programme): void => {
    for (const each of ['part', 'part', 'finish', 'part', 'finish', 'part'] as const) programme[each]();
  };
  const whole = diskWorld();
  act(new Programme(whole, await openLife(whole), new Served(), '1'));
  let continued = 0;
  for (let stopAt = 0; stopAt <= whole.disk.steps; stopAt += 11) {
    const world = diskWorld();
    const served = new Served();
    world.disk.stopAt = stopAt;
    const first = await openLife(world);
    first.journal.note('begun');
    expect(() => act(new Programme(world, first, served, '1'))).toThrow(PowerLoss);
    world.disk = world.disk.afterKill();
    const next = await openLife(world);
    if (next.isContinued) continued += 1;
    act(new Programme(world, next, served, '2'));
    world.disk = world.disk.afterKill();
    act(new Programme(world, await openLife(world), served, '3'));
  }
  expect(continued).toBeGreaterThan(4);
});

it.each(['part', 'finish'] as const)(
  'is another incarnation after a kill when a %s was served from memory alone',
  async (what) => {
    const world = diskWorld();
    const first = await openLife(world);
    const programme = new Programme(world, first, new Served(), '1');
    programme.finish();
    world.disk.fault = failure('EIO');
    programme[what]();
    world.disk.fault = undefined;
    world.disk = world.disk.afterKill();
    const next = await openLife(world);
    expect(next.isContinued).toBe(false);
    expect(next.entries).toEqual(['1100']);
  },
);

it('makes everything anew under an incarnation that was never on the disk when no beacon takes the mark', async () => {
  const world = diskWorld();
  const first = await openLife(world);
  const before = first.journal.incarnation;
  first.journal.note('x');
  first.journal.begin('g', 1);
  world.disk.fault = failure('EIO');
  world.beacons.isBroken = true;
  const part = (number: number, index: number) => () => first.store.putPart(key('g', number), index, body('a', 1));
  expect(part(1, 0)).toThrow('one URL never has two bodies');
  expect(first.journal.begin('g', 2)).toBe(false);
  expect(part(1, 1)).toThrow('one URL never has two bodies');
  // A beacon that would take it now is too late: the life after might go on with what could not be noted.
  world.beacons.isBroken = false;
  expect(first.journal.begin('g', 2)).toBe(false);
  expect(part(1, 1)).toThrow('one URL never has two bodies');
  const renewed = first.journal.incarnation;
  expect(renewed).not.toBe(before);
  expect(first.journal.begin('another', 2)).toBe(true);
  first.store.putPart(key('another', 2), 0, body('a', 1));
  expect(first.store.part(key('another', 2), 0)?.bytes?.toString()).toBe('a');
});

it('goes on under the same incarnation after a kill: parts and Segments with their bytes, validators and times', async () => {
  const world = diskWorld();
  const first = await openLife(world);
  const { store, journal } = first;
  journal.begin('g', 7);
  store.putInit('v1', 'g', 'h', body('init', 1));
  store.putPart(key('g', 7), 0, body('ab', 2));
  store.putSegment({
    key: key('g', 7),
    parts: [Buffer.from('ab'), Buffer.from('cd')],
    contentType: 'video/mp4',
    publishedMs: 3,
  });
  journal.note('seven');
  journal.begin('g', 8);
  store.putPart(key('g', 8), 0, body('ef', 4));
  const before = [store.part(key('g', 7), 0), store.part(key('g', 7), 1), store.segment(key('g', 7))];
  world.disk = world.disk.afterKill();
  // Of a part that was being written: it was not served.
  const open = world.disk.files.get('/data/match/window/g/v1/8.open');
  if (open !== undefined) open.bytes = Buffer.concat([open.bytes, Buffer.from('zz')]);
  const next = await openLife(world);
  expect(next.isContinued).toBe(true);
  expect(next.journal.incarnation).toBe(journal.incarnation);
  expect(next.entries).toEqual(['seven']);
  expect(next.journal.lastBegun('g')).toBe(8);
  expect(next.journal.begin('g', 8)).toBe(false);
  expect(next.store.init('v1', 'g', 'h')?.bytes?.toString()).toBe('init');
  expect(next.store.part(key('g', 8), 0)?.bytes?.toString()).toBe('ef');
  const path = '/data/match/window/g/v1/7.m4s';
  const after = [next.store.part(key('g', 7), 0), next.store.part(key('g', 7), 1), next.store.segment(key('g', 7))];
  for (const [index, object] of after.entries()) {
    const { etag, contentType, publishedMs } = before[index] ?? {};
    expect(object).toMatchObject({ etag, contentType, publishedMs });
  }
  expect(after.map((object) => object?.file)).toEqual([
    { path, offset: 0, sizeBytes: 2 },
    { path, offset: 2, sizeBytes: 2 },
    { path, offset: 0, sizeBytes: 4 },
  ]);
  next.store.putSegment({
    key: key('g', 8),
    parts: [Buffer.from('ef'), Buffer.from('gh')],
    contentType: 'video/mp4',
    publishedMs: 5,
  });
  expect(world.disk.files.get('/data/match/window/g/v1/8.m4s')?.bytes.toString()).toBe('efgh');
});

it.each([
  ['the machine was started anew', (world: World) => Object.assign(world, { boot: 'b2' })],
  ['there is no beacon', (world: World) => Object.assign(world.beacons, { read: () => undefined })],
  ['a file of a served part is gone', (world: World) => void world.disk.files.delete('/data/match/window/g/v1/8.open')],
  [
    'a file of a served Segment is gone',
    (world: World) => void world.disk.files.delete('/data/match/window/g/v1/7.m4s'),
  ],
  [
    "the journal's last record is torn",
    (world: World) => {
      const journal = world.disk.files.get('/data/match/journal');
      if (journal !== undefined) journal.bytes = journal.bytes.subarray(0, -1);
    },
  ],
])('takes another incarnation when %s, and serves what is whole', async (_, happens) => {
  const world = diskWorld();
  const { store, journal } = await openLife(world);
  for (const number of [6, 7]) {
    journal.begin('g', number);
    store.putSegment({
      key: key('g', number),
      parts: [Buffer.from(`<${number}>`)],
      contentType: 'video/mp4',
      publishedMs: number,
    });
    journal.note(`${number}`);
  }
  journal.begin('g', 8);
  store.putPart(key('g', 8), 0, body('ef', 4));
  await settled();
  world.disk = world.disk.afterKill();
  happens(world);
  const next = await openLife(world);
  expect(next.isContinued).toBe(false);
  expect(next.journal.incarnation).not.toBe(journal.incarnation);
  expect(next.entries).toEqual(['6', '7']);
  expect(next.store.segment(key('g', 6))?.file?.sizeBytes).toBe(3);
});

it('goes on after an end in order, also on a machine that was started anew', async () => {
  const world = diskWorld();
  const first = await openLife(world);
  first.journal.begin('g', 7);
  first.store.putPart(key('g', 7), 0, body('ab', 2));
  first.journal.note('seven');
  await first.close();
  expect(world.disk.openFiles).toBe(0);
  world.disk = world.disk.afterPowerLoss(() => 0);
  world.boot = 'b2';
  const next = await openLife(world);
  expect(next.isContinued).toBe(true);
  expect(next.store.part(key('g', 7), 0)?.bytes?.toString()).toBe('ab');
});

it('puts a journal aside that is corrupt in the middle or of another version, says so, and begins anew', async () => {
  for (const [at, code] of [
    [20, 'JOURNAL_CORRUPT'],
    [8, 'JOURNAL_VERSION'],
  ] as const) {
    const world = diskWorld();
    const first = await openLife(world);
    for (let number = 1; number < 9; number++) {
      first.journal.begin('g', number);
      first.store.putSegment({
        key: key('g', number),
        parts: [Buffer.from('x')],
        contentType: 'video/mp4',
        publishedMs: 1,
      });
      first.journal.note('x');
    }
    world.disk = world.disk.afterKill();
    world.disk.files.get('/data/match/journal')?.bytes.writeUInt8(0x77, at);
    const next = await openLife(world);
    await settled();
    // The names of its files say what had been begun.
    expect(next).toMatchObject({ isContinued: false, entries: [], numbersFrom: 9 });
    expect(next.journal.incarnation).not.toBe(first.journal.incarnation);
    expect(world.log.lines.at(-1)?.fields).toMatchObject({
      code,
      file: expect.stringMatching(/journal\.corrupt-\d{8}T\d{6}Z$/),
    });
    const names = [...world.disk.files.keys()];
    expect(names.filter((name) => name.includes('corrupt'))).toHaveLength(1);
    expect(names.filter((name) => name.includes('/window/'))).toEqual([]);
  }
});

it('tells what had been begun, by the journal, or where that is lost by the names of the files, whole or not', async () => {
  const world = diskWorld();
  const first = await openLife(world);
  expect(first.numbersFrom).toBe(0);
  first.journal.note('x');
  first.journal.begin('g', 40);
  first.store.putSegment({ key: key('g', 40), parts: [Buffer.from('x')], contentType: 'video/mp4', publishedMs: 1 });
  first.journal.begin('g', 41);
  first.store.putPart(key('g', 41), 0, body('a', 2));
  first.journal.begin('h', 42);
  world.disk = world.disk.afterKill();
  expect((await openLife(world)).numbersFrom).toBe(43);
  world.disk = world.disk.afterKill();
  world.disk.files.delete('/data/match/journal');
  expect((await openLife(world)).numbersFrom).toBe(42);
});

it('property: after a power loss at any byte, with any share of what was not synced, a start finds whole bodies or none', async () => {
  const programme = async (world: World, stored: Map<number, string>) => {
    const { store, journal } = await openLife(world);
    for (let number = 1; number <= 4; number++) {
      journal.begin('g', number);
      if (number === 1) store.putInit('v1', 'g', 'h', body('init', 1));
      store.putPart(key('g', number), 0, body(`part of ${number}`, number));
      const parts = [Buffer.from(`part of ${number}`), Buffer.from(` and the rest`)];
      stored.set(number, Buffer.concat(parts).toString());
      store.putSegment({ key: key('g', number), parts, contentType: 'video/mp4', publishedMs: number });
      journal.note(`${number}`);
      if (number === 3) store.evictBelow('g', 2);
      await settled();
    }
  };
  const whole = diskWorld();
  await programme(whole, new Map());
  const steps = whole.disk.steps;
  expect(steps).toBeGreaterThan(1000);
  let restored = 0;
  for (let stopAt = 0; stopAt <= steps; stopAt += 17) {
    const world = diskWorld();
    world.disk.stopAt = stopAt;
    const stored = new Map<number, string>();
    await programme(world, stored).catch(() => undefined);
    for (const share of SHARES) {
      const after = { ...diskWorld(), disk: world.disk.afterPowerLoss(share), boot: 'b2' };
      const next = await openLife(after);
      expect(next.isContinued).toBe(false);
      for (let number = 1; number <= 4; number++) {
        const file = next.store.segment(key('g', number))?.file;
        if (file === undefined) continue;
        restored += 1;
        expect(after.disk.files.get(file.path)?.bytes.toString()).toBe(stored.get(number));
      }
      expect(next.journal.begin('another', 1)).toBe(true);
    }
  }
  expect(restored).toBeGreaterThan(30);
});
