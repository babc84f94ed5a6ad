/** What may have been meant by a word that is not known. */

import { describe, expect, test } from 'vitest';

import { similarTo, typingErrors } from '../src/similar.ts';

const KNOWN = ['http', 'fastcgi', 'scgi', 'script-name', 'access-log', 'access-log-format', 'warn'];

describe('the word that is meant', () => {
  test.each([
    ['http', 'http'],
    ['htpp', 'http'],
    ['thtp', 'http'],
    ['HTTP', 'http'],
    ['fcgi', 'scgi'],
    ['fast_cgi', 'fastcgi'],
    ['scriptName', 'script-name'],
    ['script', 'script-name'],
    ['name', 'script-name'],
    ['acces-log', 'access-log'],
    ['format', 'access-log-format'],
    ['warning', 'warn'],
    // Several begin with it.
    ['access', undefined],
    ['bogus', undefined],
    ['x', undefined],
    ['', undefined],
    ['--', undefined],
  ])('by %j is %j', (word, meant) => {
    expect(similarTo(word, KNOWN)).toBe(meant);
  });
});

test.each([
  ['', '', 0],
  ['abc', 'abc', 0],
  ['abc', '', 3],
  ['abc', 'acb', 1],
  ['abc', 'abd', 1],
  ['abc', 'ab', 1],
  ['abc', 'xabc', 1],
  ['abcd', 'badc', 2],
])('from %j to %j are %i typing errors', (from, to, errors) => {
  expect(typingErrors(from, to)).toBe(errors);
});
