import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadSettings } from '../../../src/config/settings.ts';

const ROOT = new URL('../../../', import.meta.url).pathname;
const KEYS = {
  MATCH_KEY: 'match-key-0123456789',
  MATCH_KEY_NEXT: 'next-key-0123456789',
  TRAINING_KEY: 'training-key-0123',
};

const load = (file: string, env: Record<string, string>) =>
  loadSettings({ flags: {}, env: { HOME: '/nowhere', ...env }, cwd: ROOT, configFile: `${ROOT}samples/${file}` });

describe('the sample settings', () => {
  const files = readdirSync(`${ROOT}samples`).filter((name) => name.endsWith('.yaml'));

  test('are the laptop, an origin behind each edge and a channel that is pushed to', () => {
    expect(files.toSorted()).toEqual(['laptop.yaml', 'origin-nginx.yaml', 'origin-varnish.yaml', 'push-cmaf.yaml']);
  });

  test.each(files)('%s is taken as it stands, without a remark', async (file) => {
    expect(await load(file, KEYS)).toMatchObject({ kind: 'ok', notes: [] });
  });

  test('name every variable that they need', async () => {
    const reading = await load('origin-varnish.yaml', {});
    expect(reading).toMatchObject({
      kind: 'bad',
      problems: [expect.stringContaining('MATCH_KEY'), expect.stringContaining('MATCH_KEY_NEXT')],
    });
  });

  test('listen where the edges ask: 127.0.0.1:8080', async () => {
    for (const file of ['origin-nginx.yaml', 'origin-varnish.yaml']) {
      const reading = await load(file, KEYS);
      expect(reading).toMatchObject({ settings: { http: { host: '127.0.0.1', port: 8080 } } });
      expect(reading).toHaveProperty('settings.control.host', '127.0.0.1');
    }
  });
});
