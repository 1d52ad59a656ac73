import { describe, expect, test } from 'vitest';
import { isLocalRequest } from '../../../src/control/trust.ts';

const local = { remoteAddress: '127.0.0.1', host: 'localhost:8081', headers: {} };

describe('a stream key is shown', () => {
  test.each([
    [local],
    [{ ...local, host: '127.0.0.1:8081' }],
    [{ ...local, remoteAddress: '::1', host: '[::1]:8081' }],
    [{ ...local, remoteAddress: '::ffff:127.0.0.1' }],
    [{ ...local, host: 'LOCALHOST' }],
    [{ ...local, headers: { 'sec-fetch-site': 'same-origin' } }],
    [{ ...local, headers: { 'sec-fetch-site': 'none' } }],
  ])('to this machine: %o', (request) => {
    expect(isLocalRequest(request)).toBe(true);
  });
});

describe('a stream key is not shown', () => {
  test.each([
    ['to another machine', { ...local, remoteAddress: '192.168.1.7' }],
    ['when the peer is unknown', { ...local, remoteAddress: undefined }],
    ['to a page that was rebound to this machine by DNS', { ...local, host: 'evil.example:8081' }],
    ['to a name that only begins like loopback', { ...local, host: '127.0.0.1.evil.example' }],
    ['to a name that only ends like localhost', { ...local, host: 'notlocalhost' }],
    ['without a Host', { ...local, host: undefined }],
    ['through a proxy on this machine', { ...local, headers: { 'x-forwarded-for': '203.0.113.9' } }],
    ['through a proxy that speaks RFC 7239', { ...local, headers: { forwarded: 'for=203.0.113.9' } }],
    ['through a proxy that speaks RFC 9110 7.6.3', { ...local, headers: { via: '1.1 varnish' } }],
    ['to a script of another site', { ...local, headers: { 'sec-fetch-site': 'cross-site' } }],
  ])('%s', (_name, request) => {
    expect(isLocalRequest(request)).toBe(false);
  });
});
