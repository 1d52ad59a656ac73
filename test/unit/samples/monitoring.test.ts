/** Alert rules and dashboard against the metrics that there are: every name, label and value that a query speaks of. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CHANNEL_STATES } from '../../../src/channel/channel-state.ts';
import { OBJECT_KINDS } from '../../../src/origin/cache-policy.ts';
import { openMetrics } from '../../../src/system/metrics.ts';
import { namedIn } from '../../rig/promql.ts';
import { alertRules, withRunBook } from '../../rig/run-book.ts';

const ROOT = new URL('../../../', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, ROOT), 'utf8');

const ALERTS = read('docker/prometheus/alerts.yml');
const rules = alertRules(ALERTS);

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}
const dashboard = JSON.parse(read('docker/grafana/dashboards/match-day.json')) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition: string }[] };
};
const charts = dashboard.panels.filter(({ type }) => type !== 'row');
const targets = charts.flatMap(({ title, targets: each = [] }) => each.map((target) => ({ title, ...target })));
const queries = [
  ...rules.map(({ alert, expr }) => ({ of: alert, expr })),
  ...targets.map(({ title, expr }) => ({ of: title, expr })),
];

const { rows, registry } = openMetrics();
/** What Prometheus adds. */
const FROM_SCRAPE = ['instance', 'job'];
const HISTOGRAM = /_(bucket|sum|count)$/;
const ALERT_LABELS = ['alertname', 'alertstate', 'severity', 'channel'];

/** Labels of a series by its name; undefined: there is no such series. */
function labelsOf(name: string): readonly string[] | undefined {
  if (name === 'ALERTS') return ALERT_LABELS;
  if (name === 'up') return FROM_SCRAPE;
  const row = rows.find((each) => each.name === name && each.type !== 'histogram');
  if (row !== undefined) return [...row.labels, ...FROM_SCRAPE];
  const histogram = rows.find((each) => each.name === name.replace(HISTOGRAM, '') && each.type === 'histogram');
  if (histogram !== undefined && HISTOGRAM.test(name)) return [...histogram.labels, 'le', ...FROM_SCRAPE];
  const isDefault = /^(process|nodejs)_/.test(name) && registry.getSingleMetric(name) !== undefined;
  return isDefault ? FROM_SCRAPE : undefined;
}

const VALUES: Readonly<Record<string, readonly string[]>> = {
  state: Object.keys(CHANNEL_STATES),
  kind: OBJECT_KINDS,
  outcome: ['good', 'bad', 'delivered', 'retried', 'given-up', 'dropped'],
};

describe('a query', () => {
  test('is read as it is meant: metrics with their matchers, labels to group by', () => {
    const query = 'sum by (le, x) (rate(a_total{b="c", d=~"e|f"}[1m])) / on (y) g offset 5m > 0.5 unless h{i!="j"}';
    expect(namedIn(query)).toEqual({
      metrics: [
        {
          name: 'a_total',
          matchers: [
            { label: 'b', operator: '=', value: 'c' },
            { label: 'd', operator: '=~', value: 'e|f' },
          ],
        },
        { name: 'g', matchers: [] },
        { name: 'h', matchers: [{ label: 'i', operator: '!=', value: 'j' }] },
      ],
      labels: ['le', 'x', 'y'],
    });
  });

  test.each(queries)('of $of: each metric exists, with the labels it is asked for', ({ expr }) => {
    const { metrics, labels } = namedIn(expr);
    expect(metrics.length).toBeGreaterThan(0);
    const known = metrics.flatMap(({ name, matchers }) => {
      const own = labelsOf(name);
      expect(own, name).toBeDefined();
      for (const { label, value } of matchers) {
        expect(own, name).toContain(label);
        const values = VALUES[label];
        if (values !== undefined) for (const one of value.split('|')) expect(values).toContain(one);
      }
      return own ?? [];
    });
    for (const label of labels) expect(known).toContain(label);
  });
});

describe('docker/prometheus', () => {
  test('each alert has a severity, a summary and what to do, and names nothing that its query drops', () => {
    expect(rules.length).toBeGreaterThan(15);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, expr, labels, annotations } of rules) {
      expect(alert).toMatch(/^Pitchside[A-Z]\w+$/);
      expect(['critical', 'warning', 'info']).toContain(labels['severity']);
      expect(Object.keys(annotations)).toEqual(['summary', 'action']);
      expect(annotations['action']!.length, alert).toBeGreaterThan(60);
      const outer = /^(?:sum|max) by \(([^)]*)\)|^histogram_quantile\([\d.]+, sum by \(([^)]*)\)/.exec(expr);
      const kept =
        (outer?.[1] ?? outer?.[2])?.split(', ') ?? namedIn(expr).metrics.flatMap(({ name }) => labelsOf(name) ?? []);
      for (const [, label] of annotations['summary']!.matchAll(/\$labels\.(\w+)/g))
        expect(kept, alert).toContain(label);
    }
  });

  test('each alert has a case in which it fires and one in which nothing does', () => {
    const { tests } = parse(read('docker/prometheus/alerts.test.yml')) as { tests: readonly { name: string }[] };
    const names = tests.map(({ name }) => name);
    for (const { alert } of rules)
      expect(names).toEqual(expect.arrayContaining([`${alert} fires`, `${alert} is quiet`]));
  });

  test('the run book in docker/match-day.md is that of the rules: run `npm run docs` after a change', () => {
    const readme = read('docker/match-day.md');
    expect(withRunBook(readme, ALERTS)).toBe(readme);
    for (const { alert, annotations } of rules) {
      expect(readme).toContain(`| \`${alert}\` |`);
      expect(readme).toContain(`| ${annotations['action']} |`);
    }
    expect(() => withRunBook('no markers', ALERTS)).toThrow(RangeError);
  });

  test('scrapes the control port of the origin by the name that compose gives, and reads the rules', () => {
    const config = parse(read('docker/prometheus/prometheus.yml'));
    expect(config.rule_files).toEqual(['alerts.yml']);
    expect(config.scrape_configs).toEqual([{ job_name: 'pitchside', static_configs: [{ targets: ['origin:8081'] }] }]);
    expect(Object.keys(parse(read('docker/compose.yaml')).services)).toContain('origin');
    for (const { expr } of queries)
      for (const [, job] of expr.matchAll(/\bjob="([^"]*)"/g)) expect(job).toBe(config.scrape_configs[0].job_name);
  });
});

describe('docker/grafana', () => {
  const compose = parse(read('docker/compose.yaml')).services;
  const datasource = parse(read('docker/grafana/provisioning/datasources/prometheus.yaml')).datasources[0];
  const provider = parse(read('docker/grafana/provisioning/dashboards/pitchside.yaml')).providers[0];

  test('the datasource is the Prometheus of compose, and every panel asks it by its uid', () => {
    const { hostname, port } = new URL(datasource.url);
    expect(compose[hostname].ports).toContainEqual(expect.stringMatching(new RegExp(`:${port}$`)));
    for (const chart of charts) expect(chart.datasource?.uid, chart.title).toBe(datasource.uid);
  });

  test('the folder of the provider is the one that compose mounts, and the dashboard is its home', () => {
    expect(compose.grafana.volumes).toContain(`./grafana/dashboards:${provider.options.path}:ro`);
    expect(compose.grafana.environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH).toBe(
      `${provider.options.path}/match-day.json`,
    );
  });

  test('has a row for each thing that is asked on match day, panels with ids of their own and names for their lines', () => {
    const titles = dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title.split(':')[0]);
    expect(titles).toEqual([
      'Is it on air?',
      'Publisher',
      'Encoder',
      'Latency per stage',
      'Requests at the origin',
      'Offload hints',
      'Disk, journal, machine',
      'Faults',
    ]);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    for (const { title, legendFormat, expr } of targets) {
      expect(legendFormat, title).not.toBe('');
      const { metrics, labels } = namedIn(expr);
      const known = [...labels, ...metrics.flatMap(({ name }) => labelsOf(name) ?? [])];
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(known, title).toContain(label);
    }
  });

  test('asks for the chosen origin and channel, and its choices come from metrics that there are', () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    for (const { expr } of targets)
      for (const [, variable] of expr.matchAll(/\$(\w+)/g)) expect(names).toContain(variable);
    for (const { definition } of dashboard.templating.list) {
      const [, metric = '', label] = /^label_values\((\w+)(?:\{.*\})?, (\w+)\)$/.exec(definition) ?? [];
      expect(labelsOf(metric), definition).toContain(label);
    }
  });

  test('shows every metric of the service', () => {
    const shown = targets.flatMap(({ expr }) => namedIn(expr).metrics.map(({ name }) => name.replace(HISTOGRAM, '')));
    const alerted = rules.flatMap(({ expr }) => namedIn(expr).metrics.map(({ name }) => name.replace(HISTOGRAM, '')));
    const unseen = rows.map(({ name }) => name).filter((name) => ![...shown, ...alerted].includes(name));
    // Counted as chunks by Track in their lateness; parts in theirs; starts in runs; a line lost is no fault of the match.
    expect(unseen).toEqual([
      'pitchside_access_log_dropped_total',
      'pitchside_encoder_starts_total',
      'pitchside_packager_fragments_total',
      'pitchside_packager_parts_total',
    ]);
  });
});
