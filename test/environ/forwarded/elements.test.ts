import { describe, expect, test } from 'vitest';

import { elementsFromRight } from '../../../src/environ/forwarded/elements.ts';

/** Elements as objects, from the right. */
const read = (...lines: string[]): object[] =>
  [...elementsFromRight(lines)].map((element) => Object.fromEntries(element));

describe('RFC 7239 § 4', () => {
  test.each([
    ['for="_gazonk"', [{ for: '_gazonk' }]],
    ['For="[2001:db8:cafe::17]:4711"', [{ for: '[2001:db8:cafe::17]:4711' }]],
    [
      'for=192.0.2.60;proto=http;by=203.0.113.43',
      [{ for: '192.0.2.60', proto: 'http', by: '203.0.113.43' }],
    ],
    ['for=192.0.2.43, for=198.51.100.17', [{ for: '198.51.100.17' }, { for: '192.0.2.43' }]],
    ['for=192.0.2.43,for="[::1]";x=y', [{ for: '[::1]', x: 'y' }, { for: '192.0.2.43' }]],
    [' \tfor=1.2.3.4 ; proto=https \t', [{ for: '1.2.3.4', proto: 'https' }]],
    ['for=1.2.3.4:80;host=a:1', [{ for: '1.2.3.4:80', host: 'a:1' }]], // not a token, but usual
    ['x="a, b; c=\\"d\\\\"', [{ x: 'a, b; c="d\\' }]],
    ['x=""', [{ x: '' }]],
    ['for=1.2.3.4;;proto=http;', [{ proto: 'http', for: '1.2.3.4' }]],
    ['', [{}]],
    ['for=1.2.3.4,', [{}, { for: '1.2.3.4' }]],
  ])('%s', (line, elements) => {
    expect(read(line)).toEqual(elements);
  });

  test('lines are one list', () => {
    expect(read('for=1.1.1.1, for=2.2.2.2', 'for=3.3.3.3')).toEqual([
      { for: '3.3.3.3' },
      { for: '2.2.2.2' },
      { for: '1.1.1.1' },
    ]);
  });
});

describe('malformed is', () => {
  test.each([
    'x',
    '=x',
    'for=',
    'for',
    'for =1.2.3.4',
    'for= 1.2.3.4',
    'for=1.2.3.4 proto=http',
    'for=a=b',
    'for="a',
    'for=a"',
    'for="a"b',
    'for="a\\"',
    '"a"',
    '"',
    'f(r=a',
    'for=a\\b',
    'for=1.1.1.1;For=2.2.2.2', // no parameter twice
    'for="a"="b"',
  ])('%s: it ends the walk, and spoils nothing on its right', (left) => {
    for (const right of ['for=3.3.3.3', 'for="[::3]:33";proto=https', 'x="a, b"']) {
      const own = read(right);
      expect(read(`for=2.2.2.2, ${left}`)).toEqual([]);
      expect(read(`for=2.2.2.2, ${left}, ${right}`)).toEqual(own);
      expect(read(`for=2.2.2.2, ${left},${right}`)).toEqual(own);
      expect(read(`for=2.2.2.2, ${left}`, right)).toEqual(own);
    }
  });
});

test('no text before the element of a proxy changes what that says', () => {
  const pieces = ['"', '\\', ',', ';', '=', 'for', ' ', 'a', '\t', 'for="', '\\"', '[', 'x="a'];
  const own = { for: '[2001:db8::7]:1', proto: 'https' };
  // Every text of three pieces.
  for (const a of pieces)
    for (const b of pieces)
      for (const c of pieces) {
        const line = `${a + b + c}, for="[2001:db8::7]:1";proto=https`;
        const [last] = elementsFromRight([line]);
        expect(Object.fromEntries(last!), line).toEqual(own);
      }
});

test.each([
  '"',
  '\\',
  '\\"',
  ',',
  ';',
  '=',
  'a',
  ' ',
  'a=',
  'a="',
  'a="b",',
  'for=10.0.0.1,',
  ';a=',
])('it takes linear time: %s, again and again', (piece) => {
  const text = piece.repeat(300_000 / piece.length);
  const began = process.cpuUsage();
  for (const line of [text, `${text}"`, `"${text}`, `${text}, for=1.1.1.1`, `x="${text}"`]) {
    expect(read(line).length).toBeLessThanOrEqual(line.length + 1);
  }
  expect(process.cpuUsage(began).user / 1000).toBeLessThan(2000);
});
