/** RTMPS: the same gate behind TLS, with a certificate that openssl makes here. */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lookAt, makeClip } from '../rig/feeds.ts';
import { FFMPEG, KEY, startTestService, type TestService, TINY_LADDER, waitFor, waitLive } from '../rig/service.ts';
import { metricOf } from './service-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'feeds-rtmps-'));
const config = join(folder, 'settings.yaml');
let service: TestService;

const settings = (key: string) => `rtmps: { host: 127.0.0.1, port: 0, certificate: cert.pem, key: ${key} }
channels:
  match: { ladder: ${TINY_LADDER}, keys: { main: ${KEY} } }
`;

beforeAll(async () => {
  const subject = ['-subj', '/CN=localhost', '-days', '2', '-nodes'];
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  await promisify(execFile)('openssl', ['req', '-x509', ...curve, ...subject, ...files]);
  await makeClip(folder, 'clip', { seconds: 10 });
  writeFileSync(config, settings('key.pem'));
  service = await startTestService({ config });
});
afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const push = (key: string) =>
  spawn(
    FFMPEG,
    [
      '-v',
      'error',
      '-re',
      '-i',
      join(folder, 'clip.flv'),
      '-c',
      'copy',
      '-f',
      'flv',
      `rtmps://127.0.0.1:${service.ports.rtmps}/live/match?key=${key}`,
    ],
    { stdio: 'ignore' },
  );

test('a publisher over TLS is live, picture and sound', async () => {
  const child = push(KEY);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  await waitLive(service);
  const number = service.directory.get('match')?.status().newestNumber ?? 0;
  await waitFor('a whole Segment', () => (service.directory.get('match')?.status().newestNumber ?? 0) > number);
  const look = await lookAt(service, 'match', folder, 1);
  expect(look.flashes.length).toBeGreaterThanOrEqual(1);
  expect(look.apartMs ?? 999).toBeLessThan(70);
  child.kill();
  await gone;
});

test('a wrong key is refused behind TLS as before it', async () => {
  const child = push('not-the-key-at-all');
  await new Promise((resolve) => child.once('exit', resolve));
  expect(child.exitCode).not.toBe(0);
  expect(await metricOf(service, 'ingest_refusals_total', { reason: 'wrong-key' })).toBe(1);
});

test('what is not TLS, and what is TLS and not RTMP, is turned away', async () => {
  const port = service.ports.rtmps ?? 0;
  const plain = connectPlain(port, '127.0.0.1').on('error', () => undefined);
  plain.write('GET / HTTP/1.1\r\n\r\n');
  await new Promise((resolve) => plain.once('close', resolve));
  // RFC 8996: TLS 1.1 is not spoken.
  const old = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.1' });
  await new Promise((resolve) => old.once('error', resolve));
  const other = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }).on('error', () => undefined);
  await new Promise<void>((resolve) => other.once('secureConnect', () => resolve()));
  other.write('GET / HTTP/1.1\r\n\r\n');
  await new Promise((resolve) => other.once('close', resolve));
  await sleep(100);
  expect(await metricOf(service, 'ingest_refusals_total', { reason: 'protocol' })).toBeGreaterThanOrEqual(2);
});

test('a key that is none is named when the service starts', async () => {
  writeFileSync(join(folder, 'bad.pem'), 'no key');
  writeFileSync(config, settings('bad.pem'));
  await expect(startTestService({ config })).rejects.toMatchObject({ code: 'RTMPS_CERTIFICATE' });
  writeFileSync(config, settings('missing.pem'));
  await expect(startTestService({ config })).rejects.toThrow(/key of RTMPS cannot be read/);
});
