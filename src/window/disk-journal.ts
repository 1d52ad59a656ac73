/**
 * The journal on a disk: what was begun, and the timeline's entries, noted before they count.
 * It holds in memory what it has noted, so that the file can be written anew at any time, also after hours without a disk.
 * Invariant: begin() is true only when the number is in the file, or the next life can know that it may be missing (D-141).
 */
import { AssertionError } from 'node:assert';
import { randomId } from '../system/ids.ts';
import type { Attempt } from './disk.ts';
import type { Journal } from './model.ts';
import type { Found, WindowRecord } from './window-record.ts';

/** Entries are folded when they have doubled, and not below this number. */
const LEAST_ENTRIES = 512;

export interface DiskJournalOptions<Entry> {
  readonly incarnation: string;
  readonly found: Pick<Found<Entry>, 'begun' | 'entries'>;
  readonly snapshot: (entries: readonly Entry[]) => readonly Entry[];
  readonly append: (record: WindowRecord<Entry>) => Attempt;
  /** The incarnation was renewed, and somebody goes on under it. */
  readonly onTakenUp: () => void;
}

export class DiskJournal<Entry> implements Journal<Entry> {
  readonly #options: DiskJournalOptions<Entry>;
  readonly #last: Map<string, number>;
  #incarnation: string;
  #isRenewed = false;
  #entries: Entry[];
  #folded: number;

  constructor(options: DiskJournalOptions<Entry>) {
    this.#options = options;
    this.#incarnation = options.incarnation;
    this.#last = new Map(options.found.begun);
    this.#entries = [...options.snapshot(options.found.entries)];
    this.#folded = this.#entries.length;
  }

  get incarnation(): string {
    if (this.#isRenewed) this.#options.onTakenUp();
    this.#isRenewed = false;
    return this.#incarnation;
  }

  /** The same for the journal itself: nobody goes on under it by that. */
  get current(): string {
    return this.#incarnation;
  }

  /** Nothing is begun any more under what was, nor at all before somebody has read the new one, which was never on the disk. */
  renew(): void {
    this.#incarnation = randomId();
    this.#isRenewed = true;
  }

  begin(gen: string, number: number): boolean {
    const before = this.#last.get(gen);
    if (before !== undefined && number <= before) return false;
    if (this.#options.append({ k: 'begin', gen, n: number }) === 'unsafe') return false;
    this.#last.set(gen, number);
    return true;
  }

  lastBegun(gen: string): number | undefined {
    return this.#last.get(gen);
  }

  retire(gen: string): void {
    this.#last.delete(gen);
    this.#append({ k: 'retire', gen });
  }

  note(entry: Entry): void {
    this.#entries.push(entry);
    if (this.#entries.length > Math.max(LEAST_ENTRIES, 2 * this.#folded)) {
      this.#entries = [...this.#options.snapshot(this.#entries)];
      this.#folded = this.#entries.length;
    }
    this.#append({ k: 'note', e: entry });
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** All of it, for a file that is written anew. */
  records(boot: string | undefined, nowMs: number): WindowRecord<Entry>[] {
    const life: WindowRecord<Entry> = { k: 'life', incarnation: this.#incarnation, boot, at: nowMs };
    this.#entries = [...this.#options.snapshot(this.#entries)];
    this.#folded = this.#entries.length;
    return [
      life,
      ...[...this.#last].map(([gen, n]): WindowRecord<Entry> => ({ k: 'begin', gen, n })),
      ...this.#entries.map((e): WindowRecord<Entry> => ({ k: 'note', e })),
    ];
  }

  #append(record: WindowRecord<Entry>): void {
    if (this.#options.append(record) === 'unsafe')
      throw new AssertionError({ message: 'nothing can be noted under this incarnation any more' });
  }
}
