/**
 * Opens the window of one Channel: bytes, journal, and what a former life of the service left of them.
 * It never refuses: what cannot be read is put aside or begun anew, and the log says so.
 * Invariant: with another incarnation than before nothing that was stored is lost, but no GEN of before is gone on with.
 */
import type { Clock } from '../system/clock.ts';
import { randomId } from '../system/ids.ts';
import type { Logger } from '../system/log.ts';
import type { Metrics } from '../system/metrics.ts';
import { openDiskWindow, thisMachine } from './disk-window.ts';
import { openMemoryJournal } from './memory-journal.ts';
import { openMemoryStore } from './memory-store.ts';
import type { DiskHealth, Journal, WindowStore } from './model.ts';

export interface WindowOptions<Entry> {
  /** The Channel's own folder (`DATA/channels/ID`), made when it is not there; undefined: memory alone. */
  readonly folder: string | undefined;
  readonly channel: string;
  /** What the files of this Channel may take in all; over it the oldest go. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Fewer entries that mean the same, in order: the journal is written anew with them when it has grown. Pure. */
  readonly snapshot: (entries: readonly Entry[]) => readonly Entry[];
}

export interface OpenWindow<Entry> {
  readonly store: WindowStore;
  readonly journal: Journal<Entry>;
  /** Of the former life, oldest first; none when there was none, or its journal could not be read. */
  readonly entries: readonly Entry[];
  /**
   * The incarnation is that of before: its GENs are gone on with, and the Segment that was begun last may be finished (its parts are
   * in the store, as bytes). False with entries: what is stored is served, what comes is made under a new GEN.
   */
  readonly isContinued: boolean;
  /** Above every number that is known to have been begun, also where the entries are lost: nothing that begins anew may be below. */
  readonly numbersFrom: number;
  readonly health: DiskHealth;
  /** Writes what is left to write and says in the journal that this life has ended. After it nothing may be noted. */
  close(): Promise<void>;
}

export async function openWindow<Entry>(options: WindowOptions<Entry>): Promise<OpenWindow<Entry>> {
  const { folder } = options;
  if (folder !== undefined) return openDiskWindow({ ...options, folder }, thisMachine(folder));
  return {
    store: openMemoryStore(),
    journal: openMemoryJournal(randomId()),
    entries: [],
    isContinued: false,
    numbersFrom: 0,
    health: { state: { kind: 'none' } },
    close: async () => undefined,
  };
}
