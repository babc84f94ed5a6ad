import { expect, test } from 'vitest';

import { parseNode } from '../../../src/environ/forwarded/node.ts';

test.each([
  ['192.0.2.1', '192.0.2.1', undefined],
  ['192.0.2.1:1', '192.0.2.1', '1'],
  ['192.0.2.1:65535', '192.0.2.1', '65535'],
  ['192.0.2.1:_hidden', '192.0.2.1', undefined],
  ['2001:db8::7', '2001:db8::7', undefined],
  ['[2001:db8::7]', '2001:db8::7', undefined],
  ['[2001:db8::7]:4711', '2001:db8::7', '4711'],
  ['::ffff:192.0.2.1', '192.0.2.1', undefined],
  ['[::FFFF:192.0.2.1]:80', '192.0.2.1', '80'],
])('%s is %s, port %s', (node, address, port) => {
  expect(parseNode(node)).toEqual({ address, port });
});

test.each([
  '',
  'unknown',
  '_hidden',
  '_SEVKISEK',
  'localhost',
  'example.test:80',
  '192.0.2.1:0',
  '192.0.2.1:',
  '192.0.2.1:65536',
  '192.0.2.1:99999',
  '192.0.2.1:080',
  '192.0.2.1:-1',
  '192.0.2.1:_',
  '192.0.2.256',
  '[192.0.2.1]',
  '[192.0.2.1]:80',
  '[::1',
  '::1]',
  '[::1]80',
  '[::1]:0',
  '[[::1]]',
  // A zone is known to the machine alone that has written it.
  'fe80::1%eth0',
  '[fe80::1%eth0]:80',
  '[fe80::1%25eth0]',
])('%s tells no address', (node) => {
  expect(parseNode(node)).toBeUndefined();
});
