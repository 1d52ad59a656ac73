/**
 * What a journal file says to the life that finds it; pure. Invariant: what cannot be read wholly is not read at all, but for one
 * record at its end that was being written.
 */
import type { ErrorCode } from '../system/errors.ts';
import { readLog } from './record-log.ts';
import { type Found, readRecords } from './window-record.ts';

export type ReadJournal<Entry> =
  | {
      readonly kind: 'found';
      readonly found: Found<Entry>;
      /** Where the next record goes; 0: into a new file. */
      readonly endByte: number;
      /** Its last record was not written to its end: what that was is not known. */
      readonly isTorn: boolean;
    }
  | { readonly kind: 'unreadable'; readonly code: Extract<ErrorCode, `JOURNAL_${string}`>; readonly why: string };

/** An empty one for no bytes. */
export function readJournal<Entry>(bytes: Buffer | undefined): ReadJournal<Entry> {
  const log = readLog(bytes ?? Buffer.alloc(0));
  if (log.kind === 'foreign') return { kind: 'unreadable', code: 'JOURNAL_VERSION', why: log.why };
  if (log.kind === 'corrupt') return { kind: 'unreadable', code: 'JOURNAL_CORRUPT', why: log.why };
  const found = readRecords<Entry>(log.records);
  if (found === undefined)
    return { kind: 'unreadable', code: 'JOURNAL_VERSION', why: 'it has records that this program does not know' };
  return { kind: 'found', found, endByte: log.endByte, isTorn: log.tornBytes > 0 };
}

/** `journal.corrupt-20261126T145421Z`. */
export function putAsideName(at: Date): string {
  return `journal.corrupt-${at.toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '')}`;
}
