import { expect, test } from 'vitest';

import { isHost, isPort } from '../../src/uri/host.ts';

test.each<[text: string, expected: boolean]>([
  ['example.test', true],
  ['example.test:8080', true],
  ['example.test:', true], // RFC 3986 § 3.2.3: the port may be empty
  ['192.0.2.1:1', true],
  ['[2001:db8::1]:80', true],
  ['user@example.test', false],
  ['a/b', false],
  ['a b', false],
  ['[::1', false],
  ['a:b', false],
  ['example.test:123456', false],
])('%s is a host: %j', (text, expected) => {
  expect(isHost(text)).toBe(expected);
});

test.each<[text: string, expected: boolean]>([
  ['1', true],
  ['443', true],
  ['65535', true],
  ['65536', false],
  ['0', false],
  ['080', false],
  ['', false],
  ['1e3', false],
  ['-1', false],
  ['8 0', false],
])('%s is a port: %j', (text, expected) => {
  expect(isPort(text)).toBe(expected);
});
