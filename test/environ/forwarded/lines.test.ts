import { expect, test } from 'vitest';

import { itemsFromRight, lastItem, linesIn } from '../../../src/environ/forwarded/lines.ts';

test('lines are those of one header, whatever the case of its name, and of no twin with an underscore', () => {
  const raw = ['X-A', '1', 'x-a', '2', 'X_A', '3', 'X-AB', '4', 'X-A', ''];
  expect(linesIn(raw, 'x-a')).toEqual(['1', '2', '']);
  expect(linesIn(raw, 'x-b')).toEqual([]);
});

test.each([
  [[], []],
  [[''], ['']],
  [['a'], ['a']],
  [['a, b\t,c'], ['c', 'b', 'a']],
  [
    ['a,b', 'c'],
    ['c', 'b', 'a'],
  ],
  [[',a,,'], ['', '', 'a', '']],
  [[','], ['', '']],
])('the items of %j are %j', (lines, items) => {
  expect([...itemsFromRight(lines)]).toEqual(items);
  expect(lastItem(lines)).toBe(items[0]);
});
