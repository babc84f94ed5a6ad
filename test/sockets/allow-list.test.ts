import { expect, test } from 'vitest';

import { createAllowList } from '../../src/sockets/allow-list.ts';
import { UsageError } from '../../src/errors.ts';

const ROWS: [list: string[], address: string | undefined, allowed: boolean][] = [
  [['127.0.0.1'], '127.0.0.1', true],
  [['127.0.0.1'], '127.0.0.2', false],
  [['10.1.0.0/16', '192.168.1.7'], '10.1.255.255', true],
  [['10.1.0.0/16', '192.168.1.7'], '10.2.0.0', false],
  [['10.1.0.0/16', '192.168.1.7'], '192.168.1.7', true],
  [['0.0.0.0/0'], '203.0.113.9', true],
  [['0.0.0.0/0'], '::1', false],
  [['::1'], '::1', true],
  [['::1'], '0:0:0:0:0:0:0:1', true],
  [['fd00::/8'], 'fd12::1', true],
  [['fd00::/8'], 'fe80::1', false],
  [['fe80::/10'], 'fe80::1%eth0', true],
  [['::/0'], '::1', true],
  // A dual-stack listener sees IPv4 peers so.
  [['127.0.0.0/8'], '::ffff:127.0.0.1', true],
  [['127.0.0.0/8'], '::ffff:10.0.0.1', false],
  [[' 127.0.0.1 '], '127.0.0.1', true],
  [[], '127.0.0.1', false],
  [['127.0.0.1'], undefined, false],
  [['127.0.0.1'], '', false],
  [['127.0.0.1'], '/run/app.sock', false],
];

test.each(ROWS)('%j: %s is %s', (list, address, allowed) => {
  expect(createAllowList(list)(address)).toBe(allowed);
});

test.each([
  '',
  'localhost',
  '10.0.0.0/33',
  '::/129',
  '10.0.0.1/',
  '10.0.0.1/8/8',
  '1.2.3',
  '/8',
  'fe80::1%eth0', // it would stand for all zones
  'fe80::%eth0/10',
])('%j is refused when the list is made', (entry) => {
  expect(() => createAllowList(['127.0.0.1', entry])).toThrow(UsageError);
});
