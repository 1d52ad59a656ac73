import { expect, test } from 'vitest';
import { handedSocket } from '../../src/early-listener.ts';

test.each([
  ['the first descriptor after stderr', { LISTEN_PID: '12', LISTEN_FDS: '1' }, 3],
  ['the first of several', { LISTEN_PID: '12', LISTEN_FDS: '2' }, 3],
  ['none that was handed to a parent', { LISTEN_PID: '11', LISTEN_FDS: '1' }, undefined],
  ['none where there are none', { LISTEN_PID: '12', LISTEN_FDS: '0' }, undefined],
  ['none where it is no number', { LISTEN_PID: '12', LISTEN_FDS: 'x' }, undefined],
  ['none without a service manager', {}, undefined],
])('sd_listen_fds(3): takes %s', (_what, env, fd) => {
  expect(handedSocket(env, 12)).toBe(fd);
});
