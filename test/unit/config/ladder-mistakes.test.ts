// One ladder for each kind of mistake; the texts people read are compared literally (golden/*.txt).
import { describe, expect, test } from 'vitest';
import { parseLadder } from '../../../src/config/ladder.ts';

const rung = 'id: 720p, height: 720, bitrate: 2800k';

const MISTAKES: Readonly<Record<string, string>> = {
  'empty-file': '',
  'only-comments': '# nothing here\n',
  'not-a-mapping': '- 720p\n- 480p\n',
  'byte-order-mark': `\uFEFFvideo: [{${rung}}]\n`,
  'tab-indentation': `video:\n\t- {${rung}}\n`,
  'bracket-not-closed': `video:\n  - {${rung}\naudio: []\n`,
  'quote-not-closed': 'video:\n  - id: "720p\n    height: 720\n',
  'colon-missing': 'segment:\n  duration 2\nvideo:\n  - id: a\n',
  'second-document': `video: [{${rung}}]\n---\nvideo: []\n`,
  'unknown-tag': `video: !ladder [{${rung}}]\n`,
  'key-twice': `video:\n  - id: 720p\n    height: 720\n    bitrate: 2800k\n    bitrate: 3000k\n`,
  'alias-to-nothing': 'video: *rungs\n',
  'alias-bomb': `a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [${'*a, '.repeat(9)}]\nc: &c [${'*b, '.repeat(9)}]\nd: [${'*c, '.repeat(9)}]\n`,
  'alias-flood': `a: &a x\nvideo: [${'*a, '.repeat(101)}]\n`,
  'key-is-a-list': '? [a, b]\n: 1\n',
  'key-is-proto': '__proto__: { video: [] }\n',
  'deep-brackets': `video: ${'['.repeat(60)}\n`,
  'long-line': `# ${'x'.repeat(600)}\nvideo: []\n`,
  'control-character': 'video: "\u0000"\n',
  'too-large': `# x\n`.repeat(20_000),
  'unknown-keys':
    'vidio:\n  - id: 720p\nvideo:\n  - id: 720p\n    hieght: 720\n    bitrate: 2800k\n    colour: green\n',
  'missing-keys': 'video:\n  - height: 720\n',
  'no-value': 'video:\n  - id:\n    height: 720\n    bitrate:\n',
  'wrong-types':
    'segment: 2\nframeRate: [25]\nvideo:\n  - id: 720\n    height: "720"\n    bitrate: true\n    preset: 3\n  - 480p\naudio: stereo\n',
  'out-of-range':
    'segment: { duration: 9 }\nframeRate: 27\nvideo:\n  - {id: a, height: 20, bitrate: 900M}\n  - {id: b, height: 720.5, bitrate: 2800}\n  - {id: c, width: 9000, bitrate: 1}\naudio:\n  - { id: x, bitrate: 1M, channels: 6 }\n',
  'segment-duration-broken': `segment: { duration: 2.5 }\nvideo: [{${rung}}]\n`,
  'not-in-the-list': `video:\n  - {${rung}, preset: slow, profile: high10, frameRate: 30}\naudio:\n  - { id: a, whenMissing: beep }\n`,
  'bad-units': 'video:\n  - {id: a, height: 720, bitrate: 2800kbps}\n  - {id: b, height: 480, bitrate: .nan}\n',
  'bad-ids': 'video:\n  - {id: 720p/x, height: 720, bitrate: 2M}\n  - {id: 480P, height: 480, bitrate: 1M}\n',
  'ids-twice':
    'video:\n  - {id: a, height: 720, bitrate: 2M}\n  - {id: a, height: 480, bitrate: 1M}\naudio: [{ id: a }]\n',
  'names-twice':
    'video: [{id: a, height: 720, bitrate: 2M}]\naudio:\n  - { id: x, name: Stadium }\n  - { id: y, name: Stadium }\n',
  'bad-language': `video: [{${rung}}]\naudio: [{ id: a, language: en_GB, name: 'a "b"' }]\n`,
  'order-of-bitrates':
    'video:\n  - {id: a, height: 480, bitrate: 1400k}\n  - {id: b, height: 720, bitrate: 2800k}\n  - {id: c, height: 360, bitrate: 2800k}\n',
  'order-of-heights': 'video:\n  - {id: a, height: 480, bitrate: 2800k}\n  - {id: b, height: 720, bitrate: 1400k}\n',
  'height-and-width': 'video:\n  - {id: a, height: 720, width: 1280, bitrate: 2M}\n  - {id: b, bitrate: 1M}\n',
  'maxrate-and-buffer':
    'video:\n  - {id: a, height: 720, bitrate: 2M, maxrate: 1900k}\n  - {id: b, height: 480, bitrate: 1M, maxrate: 3M}\n  - {id: c, height: 360, bitrate: 500k, buffer: 9M}\n',
  'no-rungs': 'video: []\n',
  'copy-with-encoder-settings':
    'video:\n  - {id: a, copy: true, bitrate: 6M, height: 1080, preset: fast}\n  - {id: b, height: 480, bitrate: 1M, preset: copy}\n',
  'copy-twice':
    'video:\n  - {id: a, copy: true, bitrate: 6M}\n  - {id: b, copy: true, bitrate: 3M}\n  - {id: c, height: 480, bitrate: 1M}\n',
  'copy-alone': 'video:\n  - {id: a, copy: true, bitrate: 6M}\n',
  'copy-is-no': 'video:\n  - {id: a, copy: false, bitrate: 6M, height: 1080}\n',
  'eleven-rungs': `video:\n${Array.from({ length: 11 }, (_, i) => `  - {id: r${i}, height: ${700 - i * 20}, bitrate: ${3000 - i * 100}k}\n`).join('')}`,
  'not-yet':
    'video:\n  - {id: a, height: 1080, bitrate: 6M, codec: hevc}\n  - {id: b, height: 720, bitrate: 3M, codec: av1}\naudio:\n  - { id: x, codec: opus }\n',
};

describe('a ladder with a mistake says file:line:column, what is wrong and what would be right', () => {
  test.each(Object.entries(MISTAKES))('%s', async (name, text) => {
    const reading = parseLadder(text, 'ladders/mine.yaml');
    expect(reading.kind).toBe('bad');
    const problems = reading.kind === 'bad' ? reading.problems : [];
    for (const problem of problems) expect(problem).toMatch(/^ladders\/mine\.yaml:\d+:\d+(:| \S+:) \S/);
    const code = reading.kind === 'bad' ? reading.code : '';
    const shown = text.length < 1000 ? JSON.stringify(text).slice(1, -1).replaceAll('\\n', '\n') : '(long)\n';
    await expect(`${shown}\n=> ${code}\n${problems.join('\n')}\n`).toMatchFileSnapshot(`golden/ladder-${name}.txt`);
  });
});

test('a file of nothing but mistakes lists fifty of them and counts the rest', () => {
  const text = Array.from({ length: 400 }, (_, index) => `key${index}: 1\n`).join('');
  const reading = parseLadder(text, 'x.yaml');
  const problems = reading.kind === 'bad' ? reading.problems : [];
  expect(problems).toHaveLength(51);
  expect(problems.at(-1)).toBe('... and 351 more problems');
});

test('problems that are all planned features have the code CONFIG_NOT_YET', () => {
  const reading = parseLadder('video: [{id: a, height: 720, bitrate: 2M, codec: av1}]\n', 'x.yaml');
  expect(reading).toEqual({
    kind: 'bad',
    code: 'CONFIG_NOT_YET',
    problems: ['x.yaml:1:50 video[0].codec: not yet: video codec av1; today it is h264'],
  });
});
