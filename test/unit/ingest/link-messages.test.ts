import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeLine, LineReader, parseFromChild } from '../../../src/ingest/link-messages.ts';

describe('parseFromChild', () => {
  it('reads what the child says', () => {
    const message = { kind: 'publish-end', id: 'a', reason: 'idle', detail: '' } as const;
    expect(parseFromChild(encodeLine(message))).toEqual(message);
    expect(parseFromChild('{"kind":"pong"}')).toEqual({ kind: 'pong' });
  });

  it.each([
    'not json',
    '[]',
    'null',
    '{}',
    '{"kind":"constructor"}',
    '{"kind":"listening","port":"1935","tlsPort":0}',
    '{"kind":"listening","port":1935}',
    '{"kind":"listening","port":1935,"tlsPort":0,"pid":1}',
    '{"kind":"publish-begin","id":"a","channel":"match"}',
    '{"kind":"publish-begin","id":"a","channel":"match","address":"","beganUs":1,"placed":{"stamp":1}}',
    '{"kind":"publish-begin","id":"a","channel":"match","address":"","beganUs":1,"placed":null}',
    '{"kind":"refused","reason":"invented","address":""}',
    '{"kind":"publish-end","id":"a","reason":"invented","detail":""}',
  ])('takes nothing else: %s', (line) => {
    expect(parseFromChild(line)).toBeUndefined();
  });
});

describe('LineReader', () => {
  it('gives the same lines however the text is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string().filter((text) => !text.includes('\n'))), fc.array(fc.nat(9)), (lines, cuts) => {
        const text = lines.map((line) => `${line}\n`).join('');
        const reader = new LineReader(10_000);
        const read: string[] = [];
        let at = 0;
        for (const cut of cuts) {
          read.push(...reader.push(text.slice(at, at + cut)));
          at += cut;
        }
        read.push(...reader.push(text.slice(at)));
        expect(read).toEqual(lines);
      }),
    );
  });

  it('does not gather a line without end', () => {
    const reader = new LineReader(10);
    expect(() => reader.push('x'.repeat(11))).toThrow(RangeError);
  });
});
