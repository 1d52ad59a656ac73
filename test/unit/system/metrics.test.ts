import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openMetrics } from '../../../src/system/metrics.ts';
import { withMetrics } from '../../../src/system/metrics-table.ts';

const { rows, registry } = openMetrics();

describe('the metrics', () => {
  it('are the table of docker/README.md: run `npm run docs` after a change', () => {
    const readme = readFileSync(new URL('../../../docker/README.md', import.meta.url), 'utf8');
    expect(withMetrics(readme)).toBe(readme);
    for (const { name, type } of rows)
      expect(readme).toMatch(new RegExp(`^\\| \`${name}\` \\| ${type} \\|.*\\|$`, 'm'));
    expect(() => withMetrics('no markers')).toThrow(RangeError);
  });

  it('are all in the registry, with their type and help', async () => {
    const text = await registry.metrics();
    for (const { name, type, help } of rows) {
      expect(text).toContain(`# HELP ${name} ${help}\n`);
      expect(text).toContain(`# TYPE ${name} ${type}\n`);
    }
    const ours = registry.getMetricsAsArray().filter(({ name }) => name.startsWith('pitchside_'));
    expect(ours.map(({ name }) => name)).toEqual(rows.map(({ name }) => name));
  });

  it('keep to the names of Prometheus: counters end in _total, times are seconds, sizes are bytes', () => {
    for (const { name, type } of rows) {
      expect(name).toMatch(/^pitchside_[a-z]+(_[a-z]+)+$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(name).not.toMatch(/_(ms|millis|milliseconds|kilobytes|megabytes|kb|mb|minutes|hours|percent)(_|$)/);
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    }
  });

  it('have labels of bounded sets alone: no URL, no address, nothing that a client may invent', () => {
    const bounded = [
      'cache',
      'channel',
      'code',
      'hook',
      'kind',
      'outcome',
      'reason',
      'source',
      'stage',
      'state',
      'status',
      'track',
    ];
    for (const { name, labels } of rows) for (const label of labels) expect(bounded, name).toContain(label);
  });
});
