/**
 * The windows of all Channels, from what the life before left in the data directory, and the clock that goes on from it.
 * It never changes the folder of a Channel that the settings do not have. Invariant: no Channel's time is behind what it has published.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ChannelEntry,
  clockAheadMs,
  type FormerLife,
  fewerEntries,
  readFormerLife,
} from './channel/former-life.ts';
import { SlateShelf } from './channel/slate-shelf.ts';
import type { ChannelSettings, Settings } from './config/model.ts';
import { aheadClock, type Clock } from './system/clock.ts';
import type { Logger } from './system/log.ts';
import type { Metrics } from './system/metrics.ts';
import { bootId } from './window/file-system.ts';
import { type OpenWindow, openWindow } from './window/open-window.ts';

export interface WindowsOptions {
  readonly settings: Pick<Settings, 'dataDirectory' | 'channels'>;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export interface ChannelWindow extends Pick<OpenWindow<ChannelEntry>, 'store' | 'journal' | 'health'> {
  readonly former: FormerLife & Pick<OpenWindow<ChannelEntry>, 'isContinued' | 'numbersFrom'>;
  readonly slates: SlateShelf | undefined;
}

export interface OpenWindows {
  of(channel: ChannelSettings): ChannelWindow;
  /** For everything that follows. */
  readonly clock: Clock;
  /** Every Channel is closed by then. */
  close(): Promise<void>;
}

export async function openWindows({ settings, log, clock, metrics }: WindowsOptions): Promise<OpenWindows> {
  const { dataDirectory, channels } = settings;
  const windows = new Map<string, { readonly window: OpenWindow<ChannelEntry>; readonly former: FormerLife }>();
  const folder = dataDirectory === undefined ? undefined : join(dataDirectory, 'channels');
  for (const channel of channels) {
    const window = await openWindow<ChannelEntry>({
      folder: folder === undefined ? undefined : join(folder, channel.id),
      channel: channel.id,
      maxBytes: channel.windowBytes,
      log: log.child({ channel: channel.id }),
      clock,
      metrics,
      snapshot: fewerEntries,
    });
    windows.set(channel.id, { window, former: readFormerLife(window.entries) });
  }
  if (folder !== undefined) await sayLeftAlone(folder, channels, log);
  const slates = dataDirectory === undefined ? undefined : new SlateShelf(join(dataDirectory, 'slates'), clock, log);
  return {
    clock: clockAfter(
      [...windows.values()].map(({ former }) => former),
      clock,
      log,
    ),
    of({ id }) {
      const opened = windows.get(id);
      if (opened === undefined) throw new RangeError(`channel ${id} has no window`);
      const { store, journal, health, isContinued, numbersFrom } = opened.window;
      return { store, journal, health, slates, former: { ...opened.former, isContinued, numbersFrom } };
    },
    async close() {
      await Promise.all([...windows.values()].map(({ window }) => window.close()));
    },
  };
}

/** The next life is told in each journal what this one goes by: Channels are added and taken out. */
export function noteClock(journal: ChannelWindow['journal'], clock: Clock): void {
  journal.note({ kind: 'clock', bootId: bootId() ?? null, zeroMs: clock.utcMsOf(0) });
}

function clockAfter(lives: readonly FormerLife[], clock: Clock, log: Logger): Clock {
  const now = { bootId: bootId(), zeroMs: clock.utcMsOf(0), nowMs: clock.nowMs() };
  const aheadMs = Math.max(0, ...lives.map((life) => clockAheadMs(life, now)));
  if (aheadMs === 0) return clock;
  const said =
    'the clock of the system was stepped back: the service goes on from what it has published, as if it had not been';
  log.warn({ aheadMs: Math.round(aheadMs) }, said);
  return aheadClock(clock, aheadMs);
}

async function sayLeftAlone(folder: string, channels: readonly ChannelSettings[], log: Logger): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names)
    if (!channels.some(({ id }) => id === name))
      log.info({ folder: join(folder, name) }, 'the settings do not have this channel: its folder is left alone');
}
