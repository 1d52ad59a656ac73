// What a good ladder becomes, the shipped ones, and that no text at all makes the parser throw.
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLadder } from '../../../src/config/ladder.ts';
import { ladderSchemaText } from '../../../src/config/ladder-schema.ts';
import type { Ladder } from '../../../src/config/model.ts';

const LADDERS = fileURLToPath(new URL('../../../ladders/', import.meta.url));
const TINY = fileURLToPath(new URL('../../fixtures/ladders/tiny.yaml', import.meta.url));

function good(text: string, file = 'x.yaml'): { ladder: Ladder; notes: readonly string[] } {
  const reading = parseLadder(text, file);
  if (reading.kind === 'bad') throw new Error(reading.problems.join('\n'));
  return reading;
}

test('the shortest ladder gets every default written out', () => {
  expect(good('video: [{ id: 720p, height: 720, bitrate: 2.8M }]', 'my/own.yaml').ladder).toEqual({
    name: 'own',
    segmentSeconds: 2,
    frameRate: 'auto',
    video: [
      {
        id: '720p',
        height: 720,
        width: undefined,
        frameRate: 'full',
        bitrateBps: 2_800_000,
        maxrateBps: 2_996_000,
        bufferBits: 2_996_000,
        codec: 'h264',
        profile: 'high',
        preset: 'veryfast',
      },
    ],
    audio: [
      {
        id: 'audio',
        codec: 'aac',
        bitrateBps: 128_000,
        channels: 2,
        language: 'und',
        name: 'audio',
        whenMissing: 'silence',
      },
    ],
  });
});

test('maxrate defaults to 1.07 x bitrate, below the 110 % of AVERAGE-BANDWIDTH of Apple 1.28, and the buffer to 1 s of it', () => {
  const [rung] = good('video: [{ id: a, height: 720, bitrate: 2M, maxrate: 2.2M }]').ladder.video;
  expect(rung).toMatchObject({ maxrateBps: 2_200_000, bufferBits: 2_200_000 });
  const [plain] = good('video: [{ id: a, height: 720, bitrate: 2M }]').ladder.video;
  expect(plain).toMatchObject({ maxrateBps: 2_140_000, bufferBits: 2_140_000 });
});

test('bit rates are read as numbers, k, K, M and fractions alike', () => {
  for (const written of ['2800000', '2800k', '2800K', '2.8M', '"2800 k"'])
    expect(good(`video: [{ id: a, height: 720, bitrate: ${written} }]`).ladder.video[0]?.bitrateBps).toBe(2_800_000);
});

test.each([
  ['23.976', 24000, 1001],
  ['24', 24, 1],
  ['25', 25, 1],
  ['29.97', 30000, 1001],
  ['30', 30, 1],
  ['50', 50, 1],
  ['59.94', 60000, 1001],
  ['"60"', 60, 1],
])('frame rate %s is the exact fraction %i/%i', (written, num, den) => {
  const { ladder } = good(`frameRate: ${written}\nvideo: [{ id: a, height: 720, bitrate: 2M }]`);
  expect(ladder.frameRate).toEqual({ num, den });
});

test('an odd side becomes the next smaller even one, and a note says why', () => {
  const { ladder, notes } = good('video:\n  - { id: a, height: 271, bitrate: 500k }\n');
  expect(ladder.video[0]?.height).toBe(270);
  expect(notes).toEqual([
    'x.yaml:2:22 video[0].height: 271 is odd; 270 is used, because chroma is kept for every second line and column (4:2:0)',
  ]);
});

test('anchors and aliases may be used', () => {
  const { ladder } = good(
    'video:\n  - { id: a, height: 720, bitrate: 2M, preset: &fast superfast }\n  - { id: b, height: 480, bitrate: 1M, preset: *fast }\n',
  );
  expect(ladder.video.map(({ preset }) => preset)).toEqual(['superfast', 'superfast']);
});

test('two rungs may share a height, and a channel may be without sound', () => {
  const { ladder } = good('video: [{id: a, height: 720, bitrate: 2M}, {id: b, height: 720, bitrate: 1M}]\naudio: []\n');
  expect(ladder.audio).toEqual([]);
});

describe('the shipped ladders', async () => {
  const files = (await readdir(LADDERS)).filter((file) => file.endsWith('.yaml'));

  test('are these', () => {
    expect(files.sort()).toEqual([
      'hd-sports.yaml',
      'hd.yaml',
      'passthrough.yaml',
      'pushed.yaml',
      'sd.yaml',
      'two-core.yaml',
    ]);
  });

  test.each(files)('%s parses without a note, names its schema, and gives each number its reason', async (file) => {
    const text = await readFile(`${LADDERS}${file}`, 'utf8');
    expect(good(text, file).notes).toEqual([]);
    expect(text.startsWith('# yaml-language-server: $schema=./ladder.schema.json\n')).toBe(true);
    const firstBitrates = text.split('\n').filter((line) => /^ {4}bitrate:/.test(line));
    for (const line of firstBitrates) expect(line).toMatch(/ # \S/);
  });

  test('two-core has the four rungs that two small cores encode in real time', async () => {
    const { ladder } = good(await readFile(`${LADDERS}two-core.yaml`, 'utf8'), 'two-core.yaml');
    expect(ladder.name).toBe('two-core');
    expect(ladder.video.map(({ id, preset }) => `${id} ${preset}`)).toEqual([
      '720p ultrafast',
      '480p superfast',
      '360p superfast',
      '240p superfast',
    ]);
  });

  test('hd-sports goes from 1080p at the full rate down to 270p at half of it', async () => {
    const { video } = good(await readFile(`${LADDERS}hd-sports.yaml`, 'utf8')).ladder;
    expect([video[0]?.height, video[0]?.frameRate]).toEqual([1080, 'full']);
    expect([video.at(-1)?.height, video.at(-1)?.frameRate]).toEqual([270, 'half']);
  });

  test('the tests’ own tiny ladder parses', async () => {
    expect(good(await readFile(TINY, 'utf8'), 'tiny.yaml').ladder.video.map(({ height }) => height)).toEqual([180, 90]);
  });
});

test('ladders/ladder.schema.json is what `npm run schema` writes', async () => {
  expect(await readFile(`${LADDERS}ladder.schema.json`, 'utf8')).toBe(ladderSchemaText());
});

test('every key of the JSON Schema has a description or a title for editors', () => {
  const bare: string[] = [];
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return;
    const { properties, items } = node as { properties?: Record<string, unknown>; items?: unknown };
    for (const [key, child] of Object.entries(properties ?? {})) {
      if (typeof child === 'object' && child !== null && !('description' in child)) bare.push(`${path}${key}`);
      visit(child, `${path}${key}.`);
    }
    visit(items, `${path}[].`);
  };
  visit(JSON.parse(ladderSchemaText()), '');
  expect(bare).toEqual([]);
});

describe('no text makes the parser throw', () => {
  const never = (text: string): void => {
    const reading = parseLadder(text, 'x.yaml');
    if (reading.kind === 'bad') expect(reading.problems.length).toBeGreaterThan(0);
  };

  test('any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 100 }), never), { numRuns: 100 });
  });

  test('any soup of YAML’s own characters', () => {
    const soup = fc.array(
      fc.constantFrom(
        ...'-?:[]{}&*!|>%@`"\'#, \n\t~<=ab01.'.split(''),
        '\n  ',
        '- ',
        ': ',
        '? ',
        '&a ',
        '*a',
        '<<: *a',
        '...\n',
        '---\n',
        'video:',
        'id: ',
      ),
      { maxLength: 120 },
    );
    fc.assert(
      fc.property(
        soup.map((parts) => parts.join('')),
        never,
      ),
      { numRuns: 500 },
    );
  });

  test('a good ladder cut, doubled or damaged anywhere', async () => {
    const text = await readFile(`${LADDERS}two-core.yaml`, 'utf8');
    const damage = fc.tuple(fc.nat(text.length), fc.nat(text.length), fc.string({ unit: 'binary', maxLength: 5 }));
    fc.assert(
      fc.property(damage, ([from, to, put]) => never(text.slice(0, from) + put + text.slice(to))),
      { numRuns: 100 },
    );
  });

  test('any JSON value', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 5 }), never), { numRuns: 100 });
  });

  test('nesting that would take the process down is refused before it is parsed', () => {
    for (const text of ['['.repeat(60_000), '{a: '.repeat(15_000), '- '.repeat(30_000), '? '.repeat(30_000)])
      never(text);
    never(Array.from({ length: 340 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'));
    never('?\n'.repeat(1000));
  });
});
