import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { NetstringReader } from '../../adapters/scgi/netstring.ts';
import { LimitError, ProtocolError } from '../../src/errors.ts';
import {
  byteString,
  cutAt,
  damage,
  damages,
  everySplit,
  pairsOf,
  places,
  read,
  readOrRefuse,
} from '../reader-kit.ts';
import { CAPTURES } from './captures.ts';
import { encodeExactly, encodeRequest } from './client.ts';

const LIMITS = { maxVariablesSize: 1000, maxVariables: 30 };

function reader(limits = LIMITS): NetstringReader {
  return new NetstringReader(limits);
}

/** The request of the specification's § 4, byte for byte. */
const EXAMPLE =
  '70:' +
  'CONTENT_LENGTH\x0027\0' +
  'SCGI\x001\0' +
  'REQUEST_METHOD\0POST\0' +
  'REQUEST_URI\0/deepthought\0' +
  ',' +
  'What is the answer to life?';

function bytesOf(text: string | Buffer): Buffer {
  return typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
}

function variables(count: number): [name: string, value: string][] {
  return Array.from({ length: count - 2 }, (_, i) => [`A${i}`, '']);
}

describe('a request', () => {
  test("the specification's example", () => {
    const outcome = read(reader(), [bytesOf(EXAMPLE)]);
    expect(outcome.body).toBe('What is the answer to life?');
    expect(pairsOf(outcome)).toEqual([
      ['CONTENT_LENGTH', '27'],
      ['SCGI', '1'],
      ['REQUEST_METHOD', 'POST'],
      ['REQUEST_URI', '/deepthought'],
    ]);
  });

  test.each(Object.entries(CAPTURES))('as %s sends it', (_, text) => {
    const outcome = read(reader(), [bytesOf(text)]);
    expect(outcome.body).toBe('body');
    const pairs = pairsOf(outcome);
    expect(pairs[0]).toEqual(['CONTENT_LENGTH', '4']);
    expect(pairs).toContainEqual(['SCGI', '1']);
    expect(pairs).toContainEqual(['REQUEST_URI', '/app/some%20path/%C3%A9?x=1&y=a%20b']);
    const given = pairs.filter(([name]) => name === 'HTTP_X_A').map(([, value]) => value);
    expect(given.join(', ')).toBe('1, 2');
  });

  test.each(Object.entries({ 'the example': EXAMPLE, ...CAPTURES }))(
    'split in every way: %s',
    (_, text) => {
      const whole = read(reader(), [bytesOf(text)]);
      for (const chunks of everySplit(bytesOf(text))) {
        expect(read(reader(), chunks)).toEqual(whole);
      }
    },
  );

  test('every byte but NUL, in a name and in a value', () => {
    const bytes = String.fromCharCode(...Array.from({ length: 255 }, (_, i) => i + 1));
    const outcome = read(reader(), [encodeRequest([[bytes, bytes]])]);
    expect(pairsOf(outcome)[2]).toEqual([bytes, bytes]);
  });

  test('names that mean something in JavaScript are names like others', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    const outcome = read(reader(), [encodeRequest(names.map((name) => [name, 'x']))]);
    expect(pairsOf(outcome).slice(2)).toEqual(names.map((name) => [name, 'x']));
  });

  test('what lies behind it is untouched, also where it looks like another request', () => {
    const outcome = read(reader(), [bytesOf(EXAMPLE + EXAMPLE)]);
    expect(outcome.body).toBe(`What is the answer to life?${EXAMPLE}`);
  });
});

describe('what SCGI does not allow', () => {
  const HEAD = 'CONTENT_LENGTH\x000\0SCGI\x001\0';
  const NONE: [string, string] = ['CONTENT_LENGTH', '0'];
  const VERSION: [string, string] = ['SCGI', '1'];
  const rows: [name: string, bytes: string | Buffer, message: RegExp][] = [
    ['no length', ':,', /the length is not digits/],
    ['a length that is no number', 'x:,', /the length is not digits/],
    ['a sign', `+${HEAD.length}:${HEAD},`, /the length is not digits/],
    ['a space before the length', ` ${HEAD.length}:${HEAD},`, /the length is not digits/],
    ['a space behind it', `${HEAD.length} :${HEAD},`, /the length is not digits/],
    ['a leading zero', `0${HEAD.length}:${HEAD},`, /begins with a zero/],
    ['two zeros', '00:,', /begins with a zero/],
    ['an HTTP request', 'GET / HTTP/1.1\r\n\r\n', /looks like HTTP/],
    ['a TLS hello', '\x16\x03\x01\x02\0', /looks like TLS/],
    ['no comma', `${HEAD.length}:${HEAD}x`, /no comma/],
    ['a length that is too short', `${HEAD.length - 1}:${HEAD},`, /no comma/],
    ['no variables', '0:,', /CONTENT_LENGTH is not the first/],
    ['CONTENT_LENGTH second', encodeExactly([VERSION, NONE]), /not the first/],
    ['no CONTENT_LENGTH', encodeExactly([VERSION]), /not the first/],
    ['an empty one', encodeExactly([['CONTENT_LENGTH', ''], VERSION]), /is empty/],
    ['two of them', encodeExactly([NONE, VERSION, NONE]), /"CONTENT_LENGTH" comes twice/],
    ['no SCGI', encodeExactly([NONE]), /no SCGI variable/],
    ['another version', encodeExactly([NONE, ['SCGI', '2']]), /no SCGI variable/],
    ['SCGI twice', encodeExactly([NONE, VERSION, VERSION]), /"SCGI" comes twice/],
    [
      'a name twice',
      encodeRequest([
        ['A\n', 'b'],
        ['A\n', 'b'],
      ]),
      /"A\\n" comes twice/,
    ],
    ['an empty name', encodeRequest([['', 'b']]), /without a name/],
    ['a name without a value', `${HEAD.length + 2}:${HEAD}A\0,`, /without a value/],
    ['a value that does not end', `${HEAD.length + 3}:${HEAD}A\0b,`, /does not end with NUL/],
  ];

  test.each(rows)('%s', (_, bytes, message) => {
    for (const chunks of everySplit(bytesOf(bytes))) {
      const refused = reader();
      expect(() => read(refused, chunks)).toThrow(ProtocolError);
      expect(refused.variables).toEqual([]);
    }
    expect(() => read(reader(), [bytesOf(bytes)])).toThrow(message);
  });
});

describe('limits', () => {
  test('the length, before anything of that size comes', () => {
    expect(reader().push(Buffer.from('1000:'))).toBe(undefined);
    for (const length of ['1001', '10000', '4294967296', '9'.repeat(400)]) {
      const reading = (): unknown => reader().push(Buffer.from(length));
      expect(reading).toThrow(LimitError);
      expect(reading).toThrow(/maxVariablesSize \(1000\)/);
    }
  });

  test('the number of variables', () => {
    expect(read(reader(), [encodeRequest(variables(30))]).variables).toHaveLength(60);
    const reading = (): unknown => read(reader(), [encodeRequest(variables(31))]);
    expect(reading).toThrow(LimitError);
    expect(reading).toThrow(/maxVariables \(30\)/);
  });

  test('a hundred thousand of them', () => {
    const many = encodeRequest(variables(100_000));
    const limits = { maxVariablesSize: 128 * 1024, maxVariables: 1000 };
    expect(() => read(reader(limits), [many])).toThrow(/maxVariablesSize/);
    const large = { ...limits, maxVariablesSize: many.length };
    expect(() => read(reader(large), [many])).toThrow(/maxVariables \(/);
  });
});

describe('at random', () => {
  const requests = fc
    .uniqueArray(fc.tuple(byteString(1, 1), byteString(1, 0)), {
      selector: ([name]) => name,
      maxLength: 10,
    })
    .filter((pairs) => pairs.every(([name]) => name !== 'SCGI' && name !== 'CONTENT_LENGTH'));

  test('what was encoded is decoded, in any partition', () => {
    fc.assert(
      fc.property(requests, byteString(0, 0), places, (pairs, body, at) => {
        const outcome = read(reader(), cutAt(encodeRequest(pairs, body), at));
        expect(outcome.body).toBe(body);
        expect(pairsOf(outcome).slice(2)).toEqual(pairs);
      }),
      { seed: 5, numRuns: 1000 },
    );
  });

  test('a damaged request is read, refused, or waited for: the same in any partition', () => {
    fc.assert(
      fc.property(requests, damages, places, (pairs, where, at) => {
        const bytes = damage(encodeRequest(pairs, 'body'), where);
        expect(readOrRefuse(reader(), cutAt(bytes, at))).toEqual(readOrRefuse(reader(), [bytes]));
      }),
      { seed: 6, numRuns: 2000 },
    );
  });
});
