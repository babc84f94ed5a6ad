/** The rules of the contract in src/README.md: numbered, each with a row of the suite or another test that is there. */
import { describe, expect, test } from 'vitest';

import { rows } from '../suite/rows/index.mjs';
import { expectTests, marked, testsIn } from './named-tests.ts';

/** Each rule from its number on, a list item. */
const RULES = marked('src/README.md', 'rules')
  .join('\n')
  .split(/^(?=\d+\. )/m)
  .filter((part) => /^\d/.test(part))
  .map((rule) => [Number.parseInt(rule, 10), rule] as const);

test('they are numbered from 1 on', () => {
  expect(RULES.map(([number]) => number)).toEqual(RULES.map((_, i) => i + 1));
});

test('each rule of the conformance suite is one of them', () => {
  const numbers = new Set(RULES.map(([number]) => number));
  expect(rows.filter(({ rule }) => rule !== 0 && !numbers.has(rule))).toEqual([]);
});

describe('a rule names tests that are there', () => {
  test.each(RULES)('rule %i', (_number, rule) => expectTests(rule));

  test('and what is named is seen, also where a line ends between its words', () => {
    expect(testsIn('`a.ts` “one\n   name” “two”, `b.ts`\n   “three”')).toEqual([
      ['a.ts', 'one name'],
      ['a.ts', 'two'],
      ['b.ts', 'three'],
    ]);
  });
});
