/** Prometheus's own promtool on what docker/prometheus and docker/grafana have, and on the metrics themselves. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openMetrics } from '../../src/system/metrics.ts';

const DOCKER = new URL('../../docker/', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'monitoring-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function promtool(args: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, {
    cwd: join(DOCKER, 'prometheus'),
    input,
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (error !== undefined) throw error;
  expect(status, `${stdout}${stderr}`).toBe(0);
  return `${stdout}${stderr}`;
}

test('the configuration and the rules are valid, without a lint', () => {
  expect(promtool(['check', 'config', '--lint=all', '--lint-fatal', 'prometheus.yml'])).toContain('1 rule files found');
});

test('each alert fires when it should, after as long as it should, and not before', () => {
  expect(promtool(['test', 'rules', 'alerts.test.yml'])).toContain('SUCCESS');
});

test('every query of the dashboard is PromQL', () => {
  const { panels } = JSON.parse(readFileSync(join(DOCKER, 'grafana/dashboards/match-day.json'), 'utf8')) as {
    panels: readonly { targets?: readonly { expr: string }[] }[];
  };
  const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const rules = queries.map((expr, n) => ({ record: `query_${n}`, expr: expr.replaceAll(/\$\w+/g, 'one') }));
  const file = join(folder, 'dashboard.json');
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  expect(promtool(['check', 'rules', file])).toContain(`${queries.length} rules found`);
});

test('the names of the metrics are as Prometheus wants them', async () => {
  const text = await openMetrics().registry.metrics();
  const ours = text.slice(text.indexOf('# HELP pitchside_'));
  expect(ours).toContain('# TYPE pitchside_channel_on_air gauge');
  promtool(['check', 'metrics'], ours);
});
