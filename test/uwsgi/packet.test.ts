import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { PacketReader } from '../../adapters/uwsgi/packet.ts';
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
import { encodePacket, encodePairs, encodeRequest } from './client.ts';

const LIMITS = { maxVariablesSize: 1000, maxVariables: 40 };

function reader(limits = LIMITS): PacketReader {
  return new PacketReader(limits);
}

function bytesOf(text: string | Buffer): Buffer {
  return typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
}

/** By hand, from the documentation's description of header and vars. */
const EXAMPLE =
  '\x00\x29\x00\x00' +
  '\x0e\x00REQUEST_METHOD\x04\x00POST' +
  '\x09\x00PATH_INFO\x00\x00' +
  '\x02\x00A=\x00\x00' +
  'body';

describe('a request', () => {
  test('an example', () => {
    const outcome = read(reader(), [bytesOf(EXAMPLE)]);
    expect(outcome.body).toBe('body');
    expect(pairsOf(outcome)).toEqual([
      ['REQUEST_METHOD', 'POST'],
      ['PATH_INFO', ''],
      ['A=', ''],
    ]);
  });

  test.each(Object.entries(CAPTURES))('as %s sends it', (_, text) => {
    const outcome = read(reader(), [bytesOf(text)]);
    expect(outcome.body).toBe('body');
    const pairs = pairsOf(outcome);
    expect(pairs).toContainEqual(['CONTENT_LENGTH', '4']);
    expect(pairs).toContainEqual(['PATH_INFO', '/app/some path/\xc3\xa9']);
    expect(pairs).toContainEqual(['REQUEST_URI', '/app/some%20path/%C3%A9?x=1&y=a%20b']);
    const given = pairs.filter(([name]) => name === 'HTTP_X_A').map(([, value]) => value);
    expect(given.join(', ')).toBe('1, 2');
  });

  test.each(Object.entries({ 'an example': EXAMPLE, ...CAPTURES }))(
    'split in every way: %s',
    (_, text) => {
      const whole = read(reader(), [bytesOf(text)]);
      for (const chunks of everySplit(bytesOf(text))) {
        expect(read(reader(), chunks)).toEqual(whole);
      }
    },
  );

  test('every byte, in a name and in a value', () => {
    const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    const outcome = read(reader(), [encodeRequest([[bytes, bytes]])]);
    expect(pairsOf(outcome)).toEqual([[bytes, bytes]]);
  });

  test('names that mean something in JavaScript are names like others', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    const outcome = read(reader(), [encodeRequest(names.map((name) => [name, 'x']))]);
    expect(pairsOf(outcome)).toEqual(names.map((name) => [name, 'x']));
  });

  test('65,535 bytes of variables', () => {
    const size = 65_535 - 2 - 1 - 2;
    const limits = { maxVariablesSize: 65_535, maxVariables: 1 };
    const outcome = read(reader(limits), [encodeRequest([['A', 'x'.repeat(size)]])]);
    expect(pairsOf(outcome)).toEqual([['A', 'x'.repeat(size)]]);
  });

  test('modifier2 means nothing', () => {
    const packet = encodePacket(encodePairs([['A', 'b']]), { modifier2: 255 });
    expect(pairsOf(read(reader(), [packet]))).toEqual([['A', 'b']]);
  });

  test('what lies behind it is untouched, also where it looks like another request', () => {
    const outcome = read(reader(), [bytesOf(EXAMPLE + EXAMPLE)]);
    expect(outcome.body).toBe(`body${EXAMPLE}`);
  });
});

describe('what uwsgi does not allow, or is no request', () => {
  const pair = encodePairs([['A', 'b']]);
  const inPacket = (text: string): Buffer => encodePacket(bytesOf(text));
  const rows: [name: string, bytes: string | Buffer, message: RegExp][] = [
    ['a PSGI request', encodePacket(pair, { modifier1: 5 }), /modifier1 is 5, not 0/],
    ['a reload', encodePacket(pair, { modifier1: 98 }), /modifier1 is 98, not 0/],
    ['a ping', encodePacket(bytesOf(''), { modifier1: 100 }), /modifier1 is 100, not 0/],
    ['an HTTP request', 'GET / HTTP/1.1\r\n\r\n', /looks like HTTP/],
    ['a TLS hello', '\x16\x03\x01\x02\0', /looks like TLS/],
    ['no variables', encodePacket(bytesOf('')), /without variables/],
    ['a packet that ends in a length', inPacket('\x01'), /runs past the end/],
    ['a name longer than the packet', inPacket('\x05\0name'), /runs past the end/],
    ['a name of 65,535 bytes', inPacket('\xff\xffA\x01\0b'), /runs past the end/],
    ['a value longer than the packet', inPacket('\x01\0A\x02\0b'), /runs past the end/],
    ['a value of 65,535 bytes', inPacket('\x01\0A\xff\xffb'), /runs past the end/],
    ['a value without its length', inPacket('\x01\0A\x01'), /runs past the end/],
    ['a name without a value', inPacket('\x01\0A'), /without a value/],
    ['an empty name', inPacket('\0\0\x01\0b'), /without a name/],
    ['an empty name and an empty value', inPacket('\x01\0A\0\0\0\0\0\0'), /without a name/],
  ];

  test.each(rows)('%s', (_, bytes, message) => {
    for (const chunks of everySplit(bytesOf(bytes))) {
      const refused = reader();
      expect(() => read(refused, chunks)).toThrow(ProtocolError);
      expect(refused.variables).toEqual([]);
    }
    expect(() => read(reader(), [bytesOf(bytes)])).toThrow(message);
  });

  test('a datasize that is too short leaves the rest to the body', () => {
    const packet = encodePacket(
      encodePairs([
        ['A', 'b'],
        ['C', 'd'],
      ]),
      { datasize: pair.length },
    );
    const outcome = read(reader(), [packet]);
    expect(pairsOf(outcome)).toEqual([['A', 'b']]);
    expect(outcome.body).toBe('\x01\0C\x01\0d');
  });
});

describe('limits', () => {
  test('the size, before anything of it comes', () => {
    expect(reader().push(bytesOf('\0\xe8\x03\0'))).toBe(undefined);
    const reading = (): unknown => reader().push(bytesOf('\0\xe9\x03\0'));
    expect(reading).toThrow(LimitError);
    expect(reading).toThrow(/maxVariablesSize \(1000\)/);
  });

  test('the number of variables', () => {
    const variables = Array.from({ length: 41 }, (_, i): [string, string] => [`A${i}`, '']);
    expect(read(reader(), [encodeRequest(variables.slice(1))]).variables).toHaveLength(80);
    const reading = (): unknown => read(reader(), [encodeRequest(variables)]);
    expect(reading).toThrow(LimitError);
    expect(reading).toThrow(/maxVariables \(40\)/);
  });
});

describe('at random', () => {
  const requests = fc.array(fc.tuple(byteString(0, 1), byteString(0, 0)), {
    minLength: 1,
    maxLength: 10,
  });

  test('what was encoded is decoded, in any partition', () => {
    fc.assert(
      fc.property(requests, byteString(0, 0), places, (pairs, body, at) => {
        const outcome = read(reader(), cutAt(encodeRequest(pairs, body), at));
        expect(outcome.body).toBe(body);
        expect(pairsOf(outcome).slice(0, pairs.length)).toEqual(pairs);
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
