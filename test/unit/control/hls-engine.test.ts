import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startHls } from '../../../src/control/page/hls-engine.js';

type Listener = (event: string, data: unknown) => void;

/** As much of hls.js as the engine calls. */
class FakeHls {
  static readonly Events = { ERROR: 'hlsError', LEVEL_LOADED: 'hlsLevelLoaded' };
  static readonly ErrorTypes = { NETWORK_ERROR: 'networkError', MEDIA_ERROR: 'mediaError' };
  static last: FakeHls;
  static readonly isSupported = () => true;
  readonly config = {};
  readonly listeners: (readonly [string, Listener])[] = [];
  levels: unknown[] = [{ uri: 'a' }];
  loads = 0;

  constructor() {
    FakeHls.last = this;
  }

  on(event: string, listener: Listener) {
    this.listeners.push([event, listener]);
  }

  emit(event: string, data: unknown) {
    for (const [name, listener] of this.listeners) if (name === event) listener(event, data);
  }

  startLoad() {
    this.loads += 1;
  }

  loadSource() {}
  attachMedia() {}
  destroy() {}
}

const AWAY = { fatal: true, type: 'networkError', details: 'levelLoadError' };
const problems: string[] = [];
let hls: FakeHls;
let engine: ReturnType<typeof startHls>;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('window', { Hls: FakeHls });
  problems.length = 0;
  engine = startHls({ buffered: { length: 0 } } as HTMLVideoElement, 'http://h/master.m3u8', (problem) =>
    problems.push(problem),
  );
  hls = FakeHls.last;
});
afterEach(() => {
  engine.destroy();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('a fatal network error', () => {
  test.each([undefined, { code: 0 }, { code: 503 }])(
    'while the service is away (%j) loads again after a second',
    (response) => {
      hls.emit('hlsError', { ...AWAY, response });
      vi.advanceTimersByTime(999);
      expect(hls.loads).toBe(0);
      vi.advanceTimersByTime(1);
      expect([hls.loads, problems]).toEqual([1, []]);
    },
  );

  test('again and again is a problem after half a minute, counted from the last list that came', () => {
    for (let second = 0; second < 29; second += 1) {
      hls.emit('hlsError', AWAY);
      vi.advanceTimersByTime(1000);
    }
    expect([hls.loads, problems]).toEqual([29, []]);
    hls.emit('hlsLevelLoaded', { details: { partTarget: 0 } });
    hls.emit('hlsError', AWAY);
    vi.advanceTimersByTime(29_999);
    hls.emit('hlsError', AWAY);
    expect([hls.loads, problems]).toEqual([30, []]);
    vi.advanceTimersByTime(1000);
    hls.emit('hlsError', AWAY);
    expect([hls.loads, problems]).toEqual([31, ['levelLoadError']]);
  });

  test('is a problem at once when there is nothing to go on with', () => {
    hls.levels = [];
    hls.emit('hlsError', { ...AWAY, details: 'manifestLoadError' });
    expect(problems).toEqual(['manifestLoadError']);
  });

  test.each([
    { ...AWAY, response: { code: 404 } },
    { ...AWAY, type: 'mediaError', details: 'bufferAppendError' },
  ])('another one is a problem at once: %j', (data) => {
    hls.emit('hlsError', data);
    vi.advanceTimersByTime(5000);
    expect([hls.loads, problems.length]).toEqual([0, 1]);
  });

  test('is forgotten with the engine', () => {
    hls.emit('hlsError', AWAY);
    engine.destroy();
    vi.advanceTimersByTime(5000);
    expect(hls.loads).toBe(0);
  });
});
