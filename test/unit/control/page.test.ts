import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { addressesOf, ffmpegLine } from '../../../src/control/page/addresses.js';
import { SPARK_SAMPLES, sparkPath } from '../../../src/control/page/sparkline.js';
import { newestFaults, sourceWords } from '../../../src/control/page/words.js';
import { readPageAssets } from '../../../src/control/page-assets.ts';

describe("the page's addresses", () => {
  test('are absolute and name the other ports of the host that the page was opened on', () => {
    expect(addressesOf('studio.lan', { httpPort: 8080, rtmpPort: 1935 }, 'match')).toEqual({
      hls: 'http://studio.lan:8080/live/match/master.m3u8',
      dash: 'http://studio.lan:8080/live/match/manifest.mpd',
      rtmpServer: 'rtmp://studio.lan:1935/live',
    });
  });

  test('keep the brackets of an IPv6 address', () => {
    expect(addressesOf('[::1]', { httpPort: 1, rtmpPort: 2 }, 'a').rtmpServer).toBe('rtmp://[::1]:2/live');
  });

  test('make a command that a shell takes as one, with the address quoted', () => {
    const line = ffmpegLine('rtmp://localhost:1935/live', 'match?key=a&b');
    expect(line.replaceAll(' \\\n', ' ')).toMatch(
      /^ffmpeg [^\n]* -f flv +"rtmp:\/\/localhost:1935\/live\/match\?key=a&b"$/,
    );
  });
});

describe('the sparkline', () => {
  test('ends at the right edge and scales to its highest sample', () => {
    expect(sparkPath([0, 4, 2], 1)).toBe('M58 15.0L59 1.0L60 8.0');
  });

  test('does not blow up noise below the floor', () => {
    expect(sparkPath([0.1], 2)).toBe('M60 14.3');
  });

  test('leaves a hole where nothing is known', () => {
    expect(sparkPath([1, undefined, 1], 1)).toBe('M58 1.0M60 1.0');
  });

  test('draws no more than a minute', () => {
    expect(sparkPath(new Array(500).fill(1), 1).match(/[ML]/g)).toHaveLength(SPARK_SAMPLES);
  });
});

describe("the page's words", () => {
  test.each([
    [
      'h264 1280x720 30 fps, aac 48000 Hz x 2, Lavf59.27.100',
      'H.264 1280×720 30 fps, AAC 48 kHz stereo, Lavf59.27.100',
    ],
    ['no video, mp3 44100 Hz x 1', 'no video, MP3 44.1 kHz mono'],
    [
      'h264 720x1280 29.97 fps, aac 48000 Hz x 6, obs-x 2000',
      'H.264 720×1280 29.97 fps, AAC 48 kHz 6 channels, obs-x 2000',
    ],
    ['waiting for its headers', 'waiting for its headers'],
  ])('%s is %s', (source, words) => {
    expect(sourceWords(source)).toBe(words);
  });

  test('faults are newest first, and what repeats is one line with its newest words', () => {
    const fault = (atMs: number, code: string) => ({ atMs, code, message: `${code} at ${atMs}` });
    const faults = [fault(1, 'A'), fault(2, 'B'), fault(3, 'B'), fault(4, 'C'), fault(5, 'B')];
    expect(newestFaults(faults, 3)).toEqual([
      { fault: fault(5, 'B'), times: 1 },
      { fault: fault(4, 'C'), times: 1 },
      { fault: fault(3, 'B'), times: 2 },
    ]);
    expect(newestFaults([], 3)).toEqual([]);
  });
});

describe("the page's files", () => {
  const assets = readPageAssets();
  const page = assets.get('/')?.bytes.toString() ?? '';

  test('are all there that the page and its modules name', () => {
    const modules = [...assets].filter(([path]) => path.endsWith('.js') && path.startsWith('/page/'));
    const named = [
      ...[...page.matchAll(/(?:src|href)="(page\/[^"]+)"/g)].map((match) => `/${match[1]}`),
      ...modules.flatMap(([, { bytes }]) =>
        [...bytes.toString().matchAll(/from '\.\/([^']+)'/g)].map((match) => `/page/${match[1]}`),
      ),
      ...modules.flatMap(([, { bytes }]) =>
        [...bytes.toString().matchAll(/'(players\/[^']+)'/g)].map((match) => `/${match[1]}`),
      ),
    ];
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((path) => !assets.has(path))).toEqual([]);
  });

  test('are all served that stand in the folder', () => {
    const names = readdirSync(new URL('../../../src/control/page/', import.meta.url));
    expect(names.filter((name) => !assets.has(name === 'index.html' ? '/' : `/page/${name}`))).toEqual([]);
  });

  test('name no element that the page does not have, and none twice', () => {
    const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    const scripts = [...assets].filter(([path]) => path.endsWith('.js') && path.startsWith('/page/'));
    const asked = scripts.flatMap(([, { bytes }]) =>
      [...bytes.toString().matchAll(/\b(?:element|button|dialog|setText|setFigure|setAddress)\('([^']+)'/g)].map(
        (match) => match[1] ?? '',
      ),
    );
    expect(asked.length).toBeGreaterThan(60);
    expect(asked.filter((id) => !ids.includes(id))).toEqual([]);
    const labels = [...page.matchAll(/aria-(?:labelledby|describedby)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(labels.filter((id) => !ids.includes(id))).toEqual([]);
  });

  test('load nothing from elsewhere', () => {
    const own = [...assets].filter(([path]) => !path.startsWith('/players/'));
    const foreign = own.flatMap(
      ([, { bytes }]) => bytes.toString().match(/(?:src|href|url\()\s*=?\s*["']?https?:/g) ?? [],
    );
    expect(foreign).toEqual([]);
  });

  test('hold no inline script, style or handler, which the Content-Security-Policy forbids', () => {
    expect(page).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=/);
  });
});
