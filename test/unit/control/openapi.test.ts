// The OpenAPI document: read as text in test/golden/openapi.json, and held against the routes that exist.
import express, { type Express } from 'express';
import { describe, expect, test } from 'vitest';
import { addApi } from '../../../src/control/api.ts';
import { EventStream } from '../../../src/control/event-stream.ts';
import { openApiDocument } from '../../../src/control/openapi.ts';
import { openMetrics } from '../../../src/system/metrics.ts';
import { channelStatus, controlDirectory, idleOperator, pageInfo } from '../../fakes/control-directory.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';
import { MemoryLog } from '../../fakes/memory-log.ts';
import { eventProblems, type OpenApi, operationsOf, schemaProblems } from '../../rig/openapi.ts';

const document = openApiDocument('0.1.0') as unknown as OpenApi;

/** `GET /path` of each route that express has. */
function routesOf(app: Express): string[] {
  const layers = app.router.stack as unknown as { route?: { path: string; methods: Record<string, boolean> } }[];
  return layers.flatMap(({ route }) =>
    Object.keys(route?.methods ?? {}).map((method) => `${method.toUpperCase()} ${route?.path.replace(':id', '{id}')}`),
  );
}

test('is what was read', async () => {
  await expect(`${JSON.stringify(document, undefined, 2)}\n`).toMatchFileSnapshot('../../golden/openapi.json');
});

test('has every route of the API, and nothing else', () => {
  const [clock, log] = [new ManualClock(), new MemoryLog()];
  const directory = controlDirectory(() => clock.nowMs());
  const events = new EventStream({ directory, metrics: openMetrics(), clock, log });
  const app = express();
  addApi(app, { directory, log, pageInfo: pageInfo(8080), events, operator: idleOperator(), token: undefined });
  expect(
    operationsOf(document)
      .map(([name]) => name)
      .sort(),
  ).toEqual(routesOf(app).sort());
});

test('asks a token of everything but what is open or of this machine alone', () => {
  const free = operationsOf(document).filter(([, { security }]) => security.length === 0);
  expect(free.map(([name]) => name)).toEqual([
    'GET /api/v1/openapi.json',
    'GET /api/v1/service',
    'GET /api/v1/channels/{id}/stream-key',
  ]);
});

test('refers to schemas that it has, and has none that nothing refers to', () => {
  const text = JSON.stringify(document);
  const used = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1] ?? '');
  expect([...new Set(used)].sort()).toEqual(Object.keys(document.components.schemas).sort());
});

describe('the schema of a channel', () => {
  const problems = (value: object) =>
    schemaProblems(document, { $ref: '#/components/schemas/Channel' }, JSON.parse(JSON.stringify(value)));

  test('takes a status with all that may be in it, and one with the least', () => {
    const advice = { code: 'B_FRAMES', level: 'info', message: 'm', obs: 'o', ffmpeg: 'f', sinceMs: 1 } as const;
    const run = { id: 'r', startedMs: 1, index: 5, part: 0, fragments: 1, segments: 1 };
    const full = channelStatus({
      advice: [advice],
      runs: [
        { ...run, end: undefined },
        { ...run, end: { atMs: 2, how: 'SIGKILL', wasAsked: false } },
      ],
      lastFaults: [{ atMs: 1, code: 'X', message: 'm', hint: 'h' }],
      disk: { kind: 'degraded', code: 'DISK_FULL', message: 'm', sinceMs: 1 },
    });
    const nothing = { newestNumber: undefined, newestEndMs: undefined, segmentMs: undefined };
    const least = channelStatus({
      ...nothing,
      tracks: [],
      publisher: undefined,
      encoder: undefined,
      onAir: 'starting',
    });
    expect([problems(full), problems(least)]).toEqual([[], []]);
  });

  test('takes nothing that is not documented, and nothing of another kind', () => {
    expect(problems({ ...channelStatus(), secret: 'x' })).toHaveLength(1);
    expect(problems({ ...channelStatus(), onAir: 'maybe' })).toHaveLength(1);
    expect(problems(channelStatus({ newestNumber: 1.5 }))).toHaveLength(1);
  });
});

test('has a schema for each event', () => {
  expect(eventProblems(document, 'unpublish', { channel: 'match', atMs: 1, why: 'gone' })).toEqual([]);
  expect(eventProblems(document, 'unpublish', { channel: 'match', atMs: 1 })).toHaveLength(1);
  expect(eventProblems(document, 'other', {})).toEqual(['no event other']);
});
