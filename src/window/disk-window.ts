/**
 * The window of a Channel on its disk: `journal` and the folder `window` below the Channel's folder, opened from what a former life left.
 * It never refuses to start: a journal that cannot be read is put aside, a disk that cannot be written is out of order from the start.
 * Invariant: the incarnation of before is gone on with only if everything that was served under it is known (D-140, D-141).
 */
import { join } from 'node:path';
import { messageOf } from '../system/errors.ts';
import { contentHash, randomId } from '../system/ids.ts';
import { type Beacon, beaconPlaces, openBeacon, readBeacon } from './beacon.ts';
import { type Attempt, Disk } from './disk.ts';
import { DiskJournal } from './disk-journal.ts';
import { DiskStore } from './disk-store.ts';
import { bootId, type FileSystem, nodeFileSystem } from './file-system.ts';
import { putAsideName, type ReadJournal, readJournal } from './former-journal.ts';
import type { OpenWindow, WindowOptions } from './open-window.ts';
import { type FoundBodies, findBodies, findOrphans, highestNumber, SegmentFiles } from './segment-files.ts';
import { WindowLog } from './window-log.ts';
import type { Found, WindowRecord } from './window-record.ts';

/** What a test stands in for. */
export interface Machine {
  readonly fileSystem: FileSystem;
  readonly bootId: string | undefined;
  readBeacon(name: string, incarnation: string): 'written' | 'memory' | undefined;
  openBeacon(name: string, incarnation: string): Beacon;
}

/** A disk takes writes again when it takes so much. */
const PROBE = Buffer.alloc(512 * 1024);
/** Journals put aside that are kept for whoever wants to know. */
const KEPT_ASIDE = 3;

export function thisMachine(folder: string): Machine {
  const places = beaconPlaces(folder);
  return {
    fileSystem: nodeFileSystem,
    bootId: bootId(),
    readBeacon: (name, incarnation) => readBeacon(places, name, incarnation),
    openBeacon: (name, incarnation) => openBeacon(places, name, incarnation),
  };
}

interface Former<Entry> {
  readonly found: Found<Entry>;
  readonly bodies: ReadonlyMap<string, FoundBodies>;
  /** Where the journal is gone on with; 0: in a new one. */
  readonly endByte: number;
  readonly isContinued: boolean;
  /** As of OpenWindow. */
  readonly numbersFrom: number;
  /** Why nothing can be written. */
  readonly fault: unknown;
}

export async function openDiskWindow<Entry>(
  options: WindowOptions<Entry> & { readonly folder: string },
  machine: Machine,
): Promise<OpenWindow<Entry>> {
  const { folder } = options;
  const files = new SegmentFiles(join(folder, 'window'));
  const former = await readFormer<Entry>(options, machine, files);
  return new DiskWindow(options, machine, files, former).start(former);
}

async function readFormer<Entry>(
  { folder, channel, metrics, log, clock }: { readonly folder: string } & WindowOptions<Entry>,
  machine: Machine,
  files: SegmentFiles,
): Promise<Former<Entry>> {
  const { fileSystem } = machine;
  let fault: unknown;
  const failing =
    <T>(otherwise: T) =>
    (thrown: unknown): T => {
      fault ??= thrown;
      return otherwise;
    };
  await fileSystem.makeFolderLater(files.folder).catch(failing(undefined));
  const bytes = await fileSystem.read(join(folder, 'journal')).catch(failing(undefined));
  let read = readJournal<Entry>(bytes);
  if (read.kind === 'unreadable') {
    metrics.journalPutAside.inc({ channel });
    await putAside(machine, folder, read, { log, nowMs: clock.nowMs() }).catch(failing(undefined));
    read = readJournal<Entry>(undefined);
  }
  if (read.kind === 'unreadable') throw new TypeError('no bytes read as an empty journal');
  const { endByte, isTorn } = read;
  // Bytes that no entry speaks of are in no list: there is nothing to go on with.
  const found = read.found.entries.length > 0 ? read.found : { ...read.found, generations: new Map() };
  const isSameBoot = found.boot !== undefined && found.boot === machine.bootId;
  const bodies = await findBodies(fileSystem, files, found, !isSameBoot && !found.hasEnded).catch(
    failing(new Map<string, FoundBodies>()),
  );
  const isComplete = [...found.generations.keys()].every((gen) => bodies.get(gen)?.isIncomplete === false);
  const isTold =
    found.hasEnded || (isSameBoot && machine.readBeacon(beaconName(folder), found.incarnation ?? '') === 'written');
  const isKnown = found.incarnation !== undefined && found.entries.length > 0;
  const isContinued = fault === undefined && isKnown && !isTorn && isTold && isComplete;
  // Files may outlive their journal: it was put aside, or a power loss took it whole.
  const named = isKnown ? undefined : await highestNumber(fileSystem, files).catch(failing(undefined));
  const numbersFrom = Math.max(-1, named ?? -1, ...found.begun.values()) + 1;
  return { found, bodies, endByte, isContinued, numbersFrom, fault };
}

function beaconName(folder: string): string {
  return contentHash([folder], 16);
}

async function putAside(
  { fileSystem }: Machine,
  folder: string,
  { code, why }: Extract<ReadJournal<unknown>, { kind: 'unreadable' }>,
  { log, nowMs }: { readonly log: WindowOptions<unknown>['log']; readonly nowMs: number },
): Promise<void> {
  const aside = putAsideName(new Date(nowMs));
  await fileSystem.renameLater(join(folder, 'journal'), join(folder, aside));
  log.error(
    { code, problem: why, file: join(folder, aside) },
    'the journal cannot be read and was put aside: the channel begins anew, what was in its window is gone',
  );
  const earlier = (await fileSystem.list(folder)).filter((name) => name.startsWith('journal.corrupt-')).sort();
  for (const name of earlier.slice(0, -KEPT_ASIDE)) await fileSystem.remove(join(folder, name));
}

function* chained(first: Iterable<WindowRecord>, second: Iterable<WindowRecord>): Generator<WindowRecord> {
  yield* first;
  yield* second;
}

class DiskWindow<Entry> {
  readonly #options: WindowOptions<Entry> & { readonly folder: string };
  readonly #machine: Machine;
  readonly #files: SegmentFiles;
  readonly #disk: Disk;
  readonly #log: WindowLog;
  readonly #journal: DiskJournal<Entry>;
  readonly #store: DiskStore;
  #beacon: Beacon | undefined;
  /** The incarnation that the beacon speaks of. */
  #litFor = '';

  constructor(
    options: WindowOptions<Entry> & { readonly folder: string },
    machine: Machine,
    files: SegmentFiles,
    { found, isContinued }: Former<Entry>,
  ) {
    const { folder, snapshot } = options;
    const { fileSystem } = machine;
    this.#options = options;
    this.#machine = machine;
    this.#files = files;
    this.#disk = this.#makeDisk();
    const path = join(folder, 'journal');
    this.#log = new WindowLog({ fileSystem, path, folder, disk: this.#disk, records: () => this.#records() });
    const append = (record: WindowRecord) => this.#note(record);
    const incarnation = isContinued ? (found.incarnation ?? randomId()) : randomId();
    const onTakenUp = () => this.#disk.takeUp();
    this.#journal = new DiskJournal<Entry>({ incarnation, found, snapshot, append, onTakenUp });
    const syncJournal = () => this.#log.sync();
    this.#store = new DiskStore({ ...options, files, fileSystem, disk: this.#disk, append, syncJournal });
  }

  #makeDisk(): Disk {
    return new Disk({
      ...this.#options,
      beacon: { mark: () => this.#beacon?.mark() ?? false, clear: () => this.#beacon?.clear() ?? false },
      probe: () => this.#probe(),
      recover: (ok) => this.#recover(ok),
      flush: () => this.#store.flush(),
      onUnsafe: () => this.#journal.renew(),
      onDegraded: (code) => this.#degraded(code === 'DISK_GONE' || code === 'DISK_FAILED'),
    });
  }

  async start({ found, bodies, endByte, isContinued, numbersFrom, fault }: Former<Entry>): Promise<OpenWindow<Entry>> {
    if (fault === undefined) await this.#begin(endByte, found, bodies);
    else this.#disk.fault(fault);
    if (this.#disk.isOk) this.#light();
    else {
      // Nothing of this life is noted: it must not be taken for the one before.
      this.#journal.renew();
      this.#disk.takeUp();
    }
    this.#store.adopt(bodies, found.heldFrom);
    return {
      store: this.#store,
      journal: this.#journal,
      entries: this.#journal.entries.slice(),
      isContinued: isContinued && this.#disk.isOk,
      numbersFrom,
      health: this.#disk,
      close: () => this.#close(),
    };
  }

  async #begin(endByte: number, found: Found<Entry>, bodies: Former<Entry>['bodies']): Promise<void> {
    const { clock, log } = this.#options;
    const { fileSystem } = this.#machine;
    try {
      const orphans = await findOrphans(fileSystem, this.#files, bodies, new Set(found.begun.keys()));
      for (const path of orphans.atOnce) await fileSystem.remove(path);
      void this.#removeLater(orphans.later);
      this.#log.open(endByte);
    } catch (thrown) {
      this.#disk.fault(thrown);
      return;
    }
    const { current } = this.#journal;
    const life: WindowRecord = { k: 'life', incarnation: current, boot: this.#machine.bootId, at: clock.nowMs() };
    if (this.#note(life) !== 'done') log.debug({}, 'this life begins without its disk');
  }

  /** Into the journal, and counted. */
  #note(record: WindowRecord): Attempt {
    const { channel, clock, metrics } = this.#options;
    const attempt = this.#log.append(record);
    if (attempt !== 'done') return attempt;
    metrics.journalRecords.inc({ channel });
    metrics.journalBytes.set({ channel }, this.#log.sizeBytes);
    metrics.journalNewest.set({ channel }, clock.nowMs() / 1000);
    return attempt;
  }

  async #removeLater(paths: readonly string[]): Promise<void> {
    for (const path of paths) await this.#machine.fileSystem.remove(path).catch((thrown) => this.#disk.fault(thrown));
  }

  #records(): Iterable<WindowRecord> {
    const ofJournal = this.#journal.records(this.#machine.bootId, this.#options.clock.nowMs());
    return chained(ofJournal, this.#store.records());
  }

  #degraded(mayBeGone: boolean): void {
    const { log } = this.#options;
    this.#store
      .onDegraded(mayBeGone)
      .catch((thrown) => log.error({ problem: messageOf(thrown) }, 'the window could not be shortened'));
  }

  async #probe(): Promise<void> {
    const { fileSystem } = this.#machine;
    const path = join(this.#options.folder, 'probe');
    await fileSystem.makeFolderLater(this.#files.folder);
    try {
      await fileSystem.writeWhole(path, [PROBE]);
    } finally {
      await fileSystem.remove(path);
    }
  }

  async #recover(ok: () => void): Promise<void> {
    await this.#store.backfill();
    await this.#log.replace(() => {
      ok();
      if (this.#disk.isOk && this.#litFor !== this.#journal.current) this.#light();
    });
  }

  #light(): void {
    this.#litFor = this.#journal.current;
    this.#beacon = this.#machine.openBeacon(beaconName(this.#options.folder), this.#litFor);
  }

  async #close(): Promise<void> {
    const { log } = this.#options;
    try {
      if (this.#disk.isOk) await this.#store.close();
      if (this.#disk.isOk && this.#note({ k: 'closed' }) === 'done') {
        await this.#log.sync();
        this.#beacon?.remove();
      }
    } catch (thrown) {
      log.warn({ problem: messageOf(thrown) }, 'the window was not closed in order');
    } finally {
      this.#disk.close();
      this.#log.close();
    }
  }
}
