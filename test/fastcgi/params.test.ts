/** Name–value pairs (FastCGI 1.0 § 3.4). */

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { ParamsDecoder, encodePairs, findNames } from '../../adapters/fastcgi/params.ts';
import { LimitError, ProtocolError } from '../../src/errors.ts';
import { byteString } from '../reader-kit.ts';
import { encodePairs as independent } from '../suite/fastcgi-client.ts';
import { decodePairs, hex } from './parsed.ts';

type Pair = [name: string, value: string];

const N127 = 'n'.repeat(127);
const N128 = 'n'.repeat(128);

/** Written by hand; each row in both directions. */
const GOLDEN: readonly (readonly [name: string, bytes: Buffer, pairs: Pair[]])[] = [
  ['none', hex(''), []],
  [
    'Appendix B',
    Buffer.from('\x0b\x02SERVER_PORT80\x0b\x0eSERVER_ADDR199.170.183.42'),
    [
      ['SERVER_PORT', '80'],
      ['SERVER_ADDR', '199.170.183.42'],
    ],
  ],
  ['an empty value', hex('01 00 61'), [['a', '']]],
  ['an empty name', hex('00 01 62'), [['', 'b']]],
  ['both empty', hex('00 00'), [['', '']]],
  ['lengths of 127', Buffer.concat([hex('7f 7f'), text(N127 + N127)]), [[N127, N127]]],
  ['lengths of 128', Buffer.concat([hex('80000080 80000080'), text(N128 + N128)]), [[N128, N128]]],
  ['a long name', Buffer.concat([hex('80000080 01'), text(`${N128}v`)]), [[N128, 'v']]],
  ['a long value', Buffer.concat([hex('01 80000080'), text(`n${N128}`)]), [['n', N128]]],
  [
    'a value of 65,536',
    Buffer.concat([hex('01 80010000'), text(`n${'v'.repeat(65_536)}`)]),
    [['n', 'v'.repeat(65_536)]],
  ],
  ['bytes of every kind', hex('02 04 00ff 0a0d1b00'), [['\0\xff', '\n\r\x1b\0']]],
];

/** Not what we write, but what we take. */
const DECODED_ONLY: readonly (readonly [name: string, bytes: Buffer, pairs: Pair[]])[] = [
  // § 3.4 says when one byte suffices, but the top bit alone tells which form it is.
  ['four bytes for lengths that would fit into one', hex('80000001 80000001 61 62'), [['a', 'b']]],
  ['four bytes for nothing', hex('80000000 80000000'), [['', '']]],
];

/** Malformed blocks; each also stands behind a good pair, and behind the same block without it. */
const MALFORMED: readonly (readonly [name: string, bytes: Buffer, message: RegExp])[] = [
  ['no length of the value', hex('01'), /end inside a length/],
  ['a name that is missing', hex('01 01'), /of 1 \+ 1 bytes runs past the end/],
  ['a value that is missing', hex('01 01 61'), /of 1 \+ 1 bytes runs past the end/],
  ['one byte of a long length', hex('80'), /end inside a length/],
  ['three bytes of a long length', hex('800000'), /end inside a length/],
  ['a long length and no second one', hex('80000001'), /end inside a length/],
  ['the largest lengths', hex('ffffffff ffffffff 61'), /of 2147483647 \+ 2147483647 bytes/],
  // CVE-2025-23016: in 32 bits the sum of these overflows to something small.
  ['lengths whose sum overflows', hex('ffffffff 80000003 61 62 63'), /of 2147483647 \+ 3 bytes/],
  ['a long length behind the end', hex('01 80000002 61 62'), /of 1 \+ 2 bytes runs past the end/],
];

describe.each(GOLDEN)('%s', (_, bytes, pairs) => {
  test('decoded', () => expect(decodePairs(bytes)).toEqual(pairs));
  test('encoded', () => expect(encodePairs(pairs)).toBe(bytes.toString('latin1')));
  test('as the independent encoder has it', () =>
    expect(independent(pairs).equals(bytes)).toBe(true));
});

test.each(DECODED_ONLY)('%s', (_, bytes, pairs) => expect(decodePairs(bytes)).toEqual(pairs));

describe('malformed', () => {
  const good = text('\x01\x01ab');

  test.each(MALFORMED)('%s', (_, bytes, message) => {
    expect(() => decodePairs(bytes)).toThrow(ProtocolError);
    expect(() => decodePairs(bytes)).toThrow(message);
    expect(() => decodePairs(Buffer.concat([good, bytes]))).toThrow(message);
  });

  test.each(MALFORMED)('%s: the next block is read as if nothing had been', (_, bytes, message) => {
    const decoder = new ParamsDecoder();
    decode(decoder, Buffer.concat([good, good]));
    expect(() => decode(decoder, Buffer.concat([good, bytes]))).toThrow(message);
    expect(decoder.count).toBe(0);
    expect(decode(decoder, good)).toEqual([['a', 'b']]);
  });

  test('no block of up to five bytes does harm', () => {
    const byte = fc.constantFrom(0, 1, 2, 3, 0x7f, 0x80, 0xff, 0x61);
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 5 }), (bytes) => {
        const block = Buffer.from(bytes);
        try {
          expect(independent(decodePairs(block)).length).toBeLessThanOrEqual(block.length);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { seed: 1, numRuns: 3000 },
    );
  });
});

describe('limits', () => {
  test('as many pairs as are allowed, and not one more', () => {
    const decoder = new ParamsDecoder();
    const block = text('\0\0'.repeat(10));
    decoder.decode(block, 0, block.length, 10);
    expect(decoder.count).toBe(10);
    expect(() => decoder.decode(block, 0, block.length, 9)).toThrow(
      new LimitError('maxParams', 'more than maxParams (9)'),
    );
    // Also when all of them are known from the block before.
    decoder.decode(block, 0, block.length, 10);
    expect(() => decoder.decode(block, 0, block.length, 9)).toThrow(/maxParams/);
  });
});

describe('the names that a record asks for', () => {
  const names = new Set(['FCGI_MAX_CONNS', 'FCGI_MAX_REQS']);

  test('those that are known, whatever else there is', () => {
    const pairs: Pair[] = [
      ['FCGI_MAX_REQS', ''],
      ['__proto__', 'x'],
      [N128, N128],
      ['', ''],
    ];
    expect(findNames(independent(pairs), names, 4)).toEqual(new Set(['FCGI_MAX_REQS']));
    expect(() => findNames(independent(pairs), names, 3)).toThrow(ProtocolError);
  });

  test('any bytes: as the decoder of PARAMS has it', () => {
    const byte = fc.oneof(fc.constantFrom(0, 1, 2, 0x80), fc.nat(255));
    const all = new Set(['\0', '\x01', '\x80', '']);
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 12 }), (bytes) => {
        const block = Buffer.from(bytes);
        const decoded = outcome(() => new Set(decodePairs(block).map(([name]) => name)));
        const found = outcome(() => findNames(block, all, Infinity));
        if (decoded instanceof Set) {
          expect(found).toEqual(new Set([...decoded].filter((name) => all.has(name))));
        } else expect(found).toBe(decoded);
      }),
      { numRuns: 2000 },
    );
  });
});

/** What it returns, or the class of what it throws. */
function outcome<T>(run: () => T): T | unknown {
  try {
    return run();
  } catch (error) {
    return (error as Error).constructor;
  }
}

describe('one block after the other', () => {
  test('a decoder that remembers the last block says what one that does not says', () => {
    const name = fc.constantFrom('A', 'B', 'HTTP_X', 'HTTP_XY', '', '__proto__');
    const value = fc.oneof(fc.constantFrom('', '1', '12', '2'), byteString(0, 0));
    const block = fc.array(fc.tuple(name, value), { maxLength: 6 });
    fc.assert(
      fc.property(fc.array(block, { maxLength: 8 }), (blocks) => {
        const decoder = new ParamsDecoder();
        for (const pairs of blocks) {
          expect(decode(decoder, independent(pairs))).toEqual(pairs);
          const names = pairs.map(([own]) => own).filter((own) => own !== '');
          expect(decoder.hasRepeats).toBe(new Set(names).size < names.length);
        }
      }),
      { seed: 2, numRuns: 1000 },
    );
  });

  test('any bytes, one block after the other, decoded or refused as each by itself', () => {
    const byte = fc.oneof(fc.constantFrom(0, 1, 2, 0x80), fc.nat(255));
    const blocks = fc.array(fc.array(byte, { maxLength: 12 }), { maxLength: 6 });
    fc.assert(
      fc.property(blocks, (all) => {
        const decoder = new ParamsDecoder();
        for (const bytes of all) {
          const block = Buffer.from(bytes);
          expect(attempt(() => decode(decoder, block))).toEqual(attempt(() => decodePairs(block)));
        }
      }),
      { seed: 4, numRuns: 2000 },
    );
  });

  test('only a part of the buffer counts', () => {
    const bytes = text('??\x01\x01ab??');
    const decoder = new ParamsDecoder();
    decoder.decode(bytes, 2, 6, 10);
    expect([decoder.count, decoder.names[0], decoder.values[0]]).toEqual([1, 'a', 'b']);
    // A length must not be read from behind the part, nor a pair reach there.
    expect(() => decoder.decode(bytes, 2, 3, 10)).toThrow(/end inside a length/);
    expect(() => decoder.decode(bytes, 2, 5, 10)).toThrow(/runs past the end/);
    expect(() => decoder.decode(hex('01 00 61 80000000 00'), 3, 6, 10)).toThrow(/inside a length/);
  });

  test('unwanted pairs have no name, asked again when one of them changes', () => {
    const asked: string[] = [];
    const decoder = new ParamsDecoder((name, value) => {
      asked.push(`${name}=${value}`);
      return value !== '';
    });
    decode(
      decoder,
      independent([
        ['A', '1'],
        ['B', ''],
      ]),
    );
    expect(decoder.names.slice(0, 2)).toEqual(['A', '']);
    decode(
      decoder,
      independent([
        ['A', '1'],
        ['B', '2'],
      ]),
    );
    expect(decoder.names.slice(0, 2)).toEqual(['A', 'B']);
    decode(
      decoder,
      independent([
        ['A', ''],
        ['B', '2'],
      ]),
    );
    expect(decoder.names.slice(0, 2)).toEqual(['', 'B']);
    expect(asked).toEqual(['A=1', 'B=', 'B=2', 'A=']);
  });
});

function text(latin1: string): Buffer {
  return Buffer.from(latin1, 'latin1');
}

/** One block after the other comes in the same memory. */
const MEMORY = Buffer.alloc(1024 * 1024);
const OFFSET = 7;

function decode(decoder: ParamsDecoder, block: Buffer): Pair[] {
  MEMORY.fill(0xdd, 0, OFFSET + block.length + 10);
  block.copy(MEMORY, OFFSET);
  decoder.decode(MEMORY, OFFSET, OFFSET + block.length, block.length);
  return Array.from({ length: decoder.count }, (_, i) => [decoder.names[i]!, decoder.values[i]!]);
}

function attempt(run: () => Pair[]): Pair[] | string {
  try {
    return run();
  } catch (error) {
    return (error as Error).message;
  }
}
