import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { DEFAULT_HOST, formatAddress, parseAddress } from '../../src/sockets/address.ts';
import type { Address } from '../../src/sockets/address.ts';
import { UsageError } from '../../src/errors.ts';

test.each<[string | number, Address]>([
  ['localhost:8000', { host: 'localhost', port: 8000 }],
  [':8000', { host: DEFAULT_HOST, port: 8000 }],
  ['8000', { host: DEFAULT_HOST, port: 8000 }],
  [8000, { host: DEFAULT_HOST, port: 8000 }],
  [0, { host: DEFAULT_HOST, port: 0 }],
  ['0.0.0.0:65535', { host: '0.0.0.0', port: 65535 }],
  ['[::1]:80', { host: '::1', port: 80 }],
  ['[fe80::1%eth0]:80', { host: 'fe80::1%eth0', port: 80 }],
  ['[::ffff:127.0.0.1]:80', { host: '::ffff:127.0.0.1', port: 80 }],
  [' 127.0.0.1:80\n', { host: '127.0.0.1', port: 80 }],
  ['unix:/run/app.sock', { path: '/run/app.sock' }],
  ['unix:relative:80', { path: 'relative:80' }],
  ['fd:0', { fd: 0 }],
  ['fd:12', { fd: 12 }],
])('%j is %j', (text, address) => {
  expect(parseAddress(text)).toEqual(address);
});

test.each([
  '',
  'localhost',
  'localhost:',
  'localhost:http',
  '-1',
  '65536',
  '99999999',
  '80.5',
  '1e3',
  '::1:80', // of which nobody knows where the port begins
  '[::1]',
  '[::1]80',
  '[]:80',
  'http://localhost:80',
  'unix:',
  'fd:',
  'fd:-1',
  'fd:three',
  'fd:1.5',
  NaN,
  -1,
  80.5,
])('%j is none, and is named', (text) => {
  expect(() => parseAddress(text)).toThrow(UsageError);
  expect(() => parseAddress(text)).toThrow(JSON.stringify(String(text)));
});

const port = fc.integer({ min: 0, max: 65535 });
const address: fc.Arbitrary<Address> = fc.oneof(
  fc.record({ host: fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6()), port }),
  fc.record({ path: fc.webPath().map((path) => `/run${path}`) }),
  fc.record({ fd: fc.nat(999_999_999) }),
);

test('every address is read as it was written', () => {
  fc.assert(
    fc.property(address, (each) => {
      expect(parseAddress(formatAddress(each))).toEqual(each);
    }),
  );
});
