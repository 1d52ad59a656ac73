import { expect, test } from 'vitest';
import { readConnectTarget } from '../../../src/ingest/child/connect-target.ts';

test.each([
  [
    { app: 'live', tcUrl: 'rtmp://h/live' },
    { application: 'live', query: '' },
  ],
  [
    { app: 'live/', tcUrl: 'rtmp://h/live/' },
    { application: 'live', query: '' },
  ],
  [{ tcUrl: 'rtmp://h:1935/live' }, { application: 'live', query: '' }],
  [{ tcUrl: 'rtmp://h:1935/live?key=s' }, { application: 'live', query: '?key=s' }],
  [
    { app: 'live?key=s', tcUrl: 'rtmp://h/live?key=s' },
    { application: 'live', query: '?key=s' },
  ],
  [
    { app: 'live', tcUrl: 'rtmp://h/live?key=s' },
    { application: 'live', query: '?key=s' },
  ],
  [
    { app: 'other', tcUrl: 'rtmp://h/live' },
    { application: 'other', query: '' },
  ],
])('RTMP 7.2.1.1: %j is %j', (command, target) => {
  expect(readConnectTarget(command)).toEqual(target);
});

test.each([[{}], [{ app: 'live' }], [{ app: 'live', tcUrl: 7 }], [{ tcUrl: 'no URL' }]])(
  '%j names nothing',
  (command) => {
    expect(readConnectTarget(command)).toBeUndefined();
  },
);
