// A viewer of a whole service: reads its manifests as text, takes everything they list, and says what was not as it must be.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestService } from '../rig/service.ts';
import { type Answer, ask } from './origin-client.ts';

interface ListedSegment {
  readonly number: number;
  readonly uri: string;
  readonly map: string | undefined;
  readonly isDiscontinuity: boolean;
  readonly durationSeconds: number;
  readonly startMs: number;
}

interface MediaPlaylist {
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  readonly segments: readonly ListedSegment[];
}

interface ListedPeriod {
  readonly id: string;
  readonly startSeconds: number;
  readonly startNumber: number;
  readonly tracks: readonly string[];
  readonly frameRates: readonly string[];
}

export interface Viewer {
  get(path: string, headers?: Readonly<Record<string, string>>, method?: string): Promise<Answer>;
  /** The body of an answer that must be 200. */
  text(path: string): Promise<string>;
  /** Paths below the channel, such as `180p`: renditions of the multivariant playlist in order of their lines. */
  renditions(master?: string): Promise<string[]>;
  playlist(track: string, file?: string): Promise<MediaPlaylist>;
  periods(file?: string): Promise<ListedPeriod[]>;
}

export function viewerOf(service: Pick<TestService, 'ports'>, channel = 'match'): Viewer {
  const get: Viewer['get'] = (path, headers = {}, method = 'GET') =>
    ask(service.ports.http, `/live/${channel}/${path}`, headers, method);
  const text = async (path: string): Promise<string> => {
    const answer = await get(path);
    if (answer.status !== 200) throw new Error(`${path} is ${answer.status}: ${answer.body.toString()}`);
    return answer.body.toString();
  };
  return {
    get,
    text,
    async renditions(master = 'master.m3u8') {
      const found = (await text(master)).matchAll(/^(?:#EXT-X-MEDIA:.*URI=")?([\w-]+)\/\w+\.m3u8/gm);
      return [...new Set([...found].map((match) => match[1] ?? ''))];
    },
    playlist: async (track, file = 'media.m3u8') => readPlaylist(await text(`${track}/${file}`)),
    periods: async (file = 'manifest.mpd') => readPeriods(await text(file)),
  };
}

function readPlaylist(text: string): MediaPlaylist {
  const header = (name: string) => Number(new RegExp(`^#${name}:(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  const mediaSequence = header('EXT-X-MEDIA-SEQUENCE');
  const segments: ListedSegment[] = [];
  let next = { map: undefined as string | undefined, isDiscontinuity: false, durationSeconds: 0, startMs: Number.NaN };
  for (const line of text.split('\n')) {
    const [name, value = ''] = [line.split(':', 1)[0], line.slice(line.indexOf(':') + 1)];
    if (name === '#EXT-X-DISCONTINUITY') next.isDiscontinuity = true;
    else if (name === '#EXT-X-MAP') next.map = /URI="([^"]+)"/.exec(value)?.[1];
    else if (name === '#EXT-X-PROGRAM-DATE-TIME') next.startMs = Date.parse(value);
    else if (name === '#EXTINF') next.durationSeconds = Number.parseFloat(value);
    else if (line !== '' && !line.startsWith('#')) {
      segments.push({ ...next, number: mediaSequence + segments.length, uri: line });
      next = { map: undefined, isDiscontinuity: false, durationSeconds: 0, startMs: Number.NaN };
    }
  }
  return { mediaSequence, discontinuitySequence: header('EXT-X-DISCONTINUITY-SEQUENCE'), segments };
}

function readPeriods(mpd: string): ListedPeriod[] {
  return [...mpd.matchAll(/<Period id="([^"]+)" start="PT([\d.]+)S">(.*?)<\/Period>/gs)].map(
    ([, id = '', start = '', body = '']) => ({
      id,
      startSeconds: Number(start),
      startNumber: Number(/startNumber="(\d+)"/.exec(body)?.[1]),
      tracks: [...body.matchAll(/<Representation id="([^"]+)"/g)].map((match) => match[1] ?? ''),
      frameRates: [...new Set([...body.matchAll(/frameRate="([^"]+)"/g)].map((match) => match[1] ?? ''))],
    }),
  );
}

export interface Watch {
  /** Everything that was wrong so far, in words. */
  readonly faults: readonly string[];
  /** By URL, as first seen. */
  readonly taken: ReadonlyMap<string, string>;
  /** Stops, takes all that is still listed a second time, and answers the faults. */
  end(): Promise<readonly string[]>;
}

/**
 * Polls every playlist of a channel (DVR lists: nothing escapes) and takes each listed URL as soon as it is listed.
 * Held to: numbers contiguous, EXT-X-MEDIA-SEQUENCE and EXT-X-DISCONTINUITY-SEQUENCE never fall, a line never changes,
 * everything listed is 200 with its type, one URL has one body.
 */
export function watchChannel(service: TestService, channel = 'match', everyMs = 500): Watch {
  const viewer = viewerOf(service, channel);
  const watcher = new Watcher(viewer);
  let isOver = false;
  const loop = (async () => {
    while (!isOver) {
      await watcher.look(false);
      await sleep(everyMs);
    }
  })();
  return {
    faults: watcher.faults,
    taken: watcher.taken,
    async end() {
      isOver = true;
      await loop;
      await watcher.look(true);
      return watcher.faults;
    },
  };
}

class Watcher {
  readonly faults: string[] = [];
  readonly taken = new Map<string, string>();
  readonly #viewer: Viewer;
  readonly #before = new Map<string, MediaPlaylist>();

  constructor(viewer: Viewer) {
    this.#viewer = viewer;
  }

  async look(takeAgain: boolean): Promise<void> {
    try {
      for (const track of await this.#viewer.renditions()) await this.#rendition(track, takeAgain);
    } catch (thrown) {
      this.faults.push(String(thrown));
    }
  }

  async #rendition(track: string, takeAgain: boolean): Promise<void> {
    const now = await this.#viewer.playlist(track, 'dvr.m3u8');
    this.#compare(track, this.#before.get(track), now);
    this.#before.set(track, now);
    for (const { uri, map } of now.segments) {
      if (map !== undefined) await this.#take(`${track}/${map}`, takeAgain);
      await this.#take(`${track}/${uri}`, takeAgain);
    }
  }

  #compare(track: string, before: MediaPlaylist | undefined, now: MediaPlaylist): void {
    for (const { number, uri } of now.segments) {
      if (uri.endsWith(`/${number}.m4s`)) continue;
      this.faults.push(`${track}: ${uri} stands at media sequence number ${number}`);
    }
    if (before === undefined) return;
    if (now.mediaSequence < before.mediaSequence) this.faults.push(`${track}: EXT-X-MEDIA-SEQUENCE fell`);
    if (now.discontinuitySequence < before.discontinuitySequence)
      this.faults.push(`${track}: EXT-X-DISCONTINUITY-SEQUENCE fell`);
    if ((now.segments.at(-1)?.number ?? 0) < (before.segments.at(-1)?.number ?? 0))
      this.faults.push(`${track}: the list became shorter at its end`);
    const known = new Map(before.segments.map((segment) => [segment.number, segment]));
    for (const segment of now.segments) {
      const was = known.get(segment.number);
      if (was !== undefined && (was.uri !== segment.uri || was.durationSeconds !== segment.durationSeconds))
        this.faults.push(`${track}: the lines of ${segment.number} changed`);
    }
  }

  async #take(path: string, takeAgain: boolean): Promise<void> {
    const known = this.taken.get(path);
    if (known !== undefined && !takeAgain) return;
    const { status, headers, body } = await this.#viewer.get(path);
    const type = path.startsWith('audio/') ? 'audio/mp4' : 'video/mp4';
    if (status !== 200) this.faults.push(`${path}: status ${status}`);
    else if (headers['content-type'] !== type) this.faults.push(`${path}: type ${headers['content-type']}`);
    const digest = createHash('sha256').update(body).digest('hex');
    if (known !== undefined && known !== digest) this.faults.push(`${path}: a second body`);
    this.taken.set(path, digest);
  }
}

/** Sum of a counter of the service over all label sets that fit. */
export async function metricOf(
  service: TestService,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const answer = await ask(service.ports.control, '/metrics');
  const lines = answer.body.toString().split('\n');
  return lines
    .filter((line) => line.startsWith(`pitchside_${name}{`) || line.startsWith(`pitchside_${name} `))
    .filter((line) => Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}
