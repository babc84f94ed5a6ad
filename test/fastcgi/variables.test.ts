/** Variables from PARAMS into the environ: the first ones in straight lines, the others in a loop. */

import { describe, expect, test } from 'vitest';

import { ParamsDecoder, encodePairs } from '../../adapters/fastcgi/params.ts';
import { addVariables } from '../../adapters/fastcgi/variables.ts';
import { completeEnviron, createEnviron, isWanted } from '../../src/environ/environ.ts';

type Pair = [name: string, value: string];

/** More than there are lines, by far. */
const MOST = 40;
const decoder = new ParamsDecoder(isWanted);

/** The variables of a POST request, and the length of its body. */
function environOf(pairs: readonly Pair[]): [variables: Record<string, unknown>, length: number] {
  const block = Buffer.from(encodePairs(pairs), 'latin1');
  decoder.decode(block, 0, block.length, block.length);
  const environ = createEnviron({ signal: AbortSignal.abort() });
  const before = new Set(Object.keys(environ));
  addVariables(environ, decoder);
  const added = Object.entries(environ).filter(([name]) => !before.has(name));
  environ['REQUEST_METHOD'] = 'POST';
  return [Object.fromEntries(added), completeEnviron(environ, {})];
}

function numbered(count: number): Pair[] {
  return Array.from({ length: count }, (_, i) => [`HTTP_X_${i}`, `value ${i}`]);
}

const COUNTS = Array.from({ length: MOST }, (_, count) => count);

describe('each number of variables', () => {
  test.each(COUNTS)('%i', (count) => {
    const pairs = numbered(count);
    expect(environOf(pairs)).toEqual([Object.fromEntries(pairs), 0]);
  });
});

describe('at each place', () => {
  test.each(COUNTS)('%i: one that is left out', (place) => {
    const pairs = numbered(MOST).toSpliced(place, 0, ['HTTP_PROXY', 'http://evil']);
    expect(environOf(pairs)).toEqual([Object.fromEntries(numbered(MOST)), 0]);
  });

  test.each(COUNTS)(
    '%i: CONTENT_LENGTH, which is not set before it is known to be good',
    (place) => {
      const pairs = numbered(MOST).toSpliced(place, 0, ['CONTENT_LENGTH', '12']);
      expect(environOf(pairs)).toEqual([Object.fromEntries(numbered(MOST)), 12]);
    },
  );

  test.each(COUNTS)('%i: another one than before', (place) => {
    environOf(numbered(MOST));
    const pairs = numbered(MOST).with(place, ['HTTP_ANOTHER', 'value']);
    expect(environOf(pairs)).toEqual([Object.fromEntries(pairs), 0]);
  });

  test.each(COUNTS)('%i: one that is repeated', (place) => {
    const pairs = numbered(MOST).toSpliced(place, 0, ['HTTP_X_20', 'first']);
    const expected = Object.fromEntries(numbered(MOST));
    expected['HTTP_X_20'] = place > 20 ? 'value 20, first' : 'first, value 20';
    expect(environOf(pairs)).toEqual([expected, 0]);
  });

  test.each(COUNTS)('%i: a name that is the prototype elsewhere', (place) => {
    const pairs = numbered(MOST).with(place, ['__proto__', 'value']);
    const [variables] = environOf(pairs);
    expect(Object.entries(variables)).toHaveLength(MOST);
    expect(Object.getOwnPropertyDescriptor(variables, '__proto__')?.value).toBe('value');
  });
});
