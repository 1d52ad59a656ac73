/**
 * One update of a media playlist of 7,200 Segments (four hours): a Segment is committed and the text rendered again.
 * Beside it hls-parser's own render of the whole list, which takes quadratic time. No disk, no sockets, one process.
 */
import { indexAt, makeGrid, startMsOf } from '../../src/package/grid.ts';
import { mediaLines, renderMediaPlaylist } from '../../src/package/hls/media-playlist.ts';
import { wholePlaylistText } from '../../src/package/hls/playlist-text.ts';
import { Timeline } from '../../src/package/timeline.ts';
import { fakeSlate, fakeTrack } from '../fakes/media.ts';
import { deliver, fakeRun } from '../fakes/run.ts';
import { type BenchLine, lineOf, median } from './line.ts';

const SEGMENTS = 7200;
const WHOLE_SEGMENTS = 900;
const UPDATES = 200;
const TRACKS = ['v720', 'v480', 'v360', 'v240', 'a1'];
const TRACK = 'v720';
const ALL = { listedMs: Number.POSITIVE_INFINITY };

export async function run(rounds: number): Promise<readonly BenchLine[]> {
  const four = fourHours();
  let text = '';
  const updates = Array.from({ length: rounds }, () => {
    const times = Array.from({ length: UPDATES }, () => {
      four.deliver();
      return milliseconds(() => {
        four.advance();
        text = renderMediaPlaylist(four.timeline.presentation(), TRACK, ALL) ?? '';
      });
    });
    return { middle: median(times), worst: Math.max(...times) };
  });
  const listed = text.match(/^#EXTINF/gm)?.length;
  if (listed !== SEGMENTS) throw new Error(`${listed} Segments are listed`);
  const worst = median(updates.map((update) => update.worst));
  const lines = mediaLines(four.timeline.presentation(), TRACK, ALL);
  const header = {
    targetDuration: 2,
    mediaSequence: four.timeline.presentation().segments[0]?.number ?? 0,
    discontinuitySequence: 1,
  };
  const part = Array.from({ length: rounds }, () =>
    milliseconds(() => wholePlaylistText(header, lines.slice(0, WHOLE_SEGMENTS))),
  );
  let whole = '';
  const wholeMs = milliseconds(() => {
    whole = wholePlaylistText(header, lines);
  });
  if (whole !== text) throw new Error('the kept text is not what hls-parser renders at once');
  const quadratic = median(part) * (SEGMENTS / WHOLE_SEGMENTS) ** 2;
  return [
    lineOf(
      {
        what: `playlist of ${SEGMENTS} Segments: one update`,
        unit: 'ms',
        below: 1,
        note: `each round the median of ${UPDATES}; slowest of a round ${worst.toFixed(1)} ms (median of rounds)`,
      },
      updates.map(({ middle }) => middle),
    ),
    lineOf(
      {
        what: `  hls-parser at once: ${WHOLE_SEGMENTS} Segments`,
        unit: 'ms',
        note: `${SEGMENTS}: ${wholeMs.toFixed(0)} ms measured once, ${quadratic.toFixed(0)} ms by the square`,
      },
      part,
    ),
  ];
}

function fourHours() {
  const grid = makeGrid({ num: 30, den: 1 }, 2);
  const tracks = TRACKS.map((id) => fakeTrack(id, grid));
  const plan = { grid, tracks, slate: fakeSlate(grid, tracks) };
  const windowMs = SEGMENTS * grid.segmentMs;
  const timeline = new Timeline({
    incarnation: 'bench',
    windowMs,
    retentionMs: 60_000,
    publishesParts: false,
    fillDelayMs: 800,
    patienceMs: 0,
    silenceMs: 0,
    tailMs: 6000,
    backfillMs: windowMs,
  });
  timeline.open(plan, startMsOf(grid, indexAt(grid, Date.UTC(2026, 10, 21, 18))) + 900);
  const source = fakeRun('bench', () => plan, TRACKS);
  timeline.join(source);
  renderMediaPlaylist(timeline.presentation(), TRACK, ALL);
  const edgeMs = () => timeline.edgeMs ?? 0;
  return {
    timeline,
    deliver: () => deliver(source, grid, indexAt(grid, edgeMs()), TRACKS),
    advance: () => timeline.advance(edgeMs() + grid.segmentMs),
  };
}

function milliseconds(work: () => void): number {
  const startMs = performance.now();
  work();
  return performance.now() - startMs;
}
