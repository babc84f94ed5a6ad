import { expect, test } from 'vitest';

import { normalizeMount } from '../../src/uri/mount.ts';

test.each([
  ['/app', '/app'],
  ['app/', '/app'],
  ['///a//b///', '/a//b'],
  ['a', '/a'],
  ['', ''],
  ['/', ''],
  ['/'.repeat(100_000), ''],
])('%s is %s', (text, mount) => {
  expect(normalizeMount(text)).toBe(mount);
});
