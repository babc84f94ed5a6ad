/** Records from and to bytes (FastCGI 1.0 § 3.3, § 4, § 5). */

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import * as fcgi from '../../adapters/fastcgi/constants.ts';
import {
  encodeEndRequest,
  encodeHeader,
  encodePadding,
  encodeRecord,
  encodeUnknownType,
  paddingFor,
} from '../../adapters/fastcgi/record.ts';
import { ProtocolError } from '../../src/errors.ts';
import { encodeRecord as independent } from '../suite/fastcgi-client.ts';
import { cutAt, everySplit, hex, parse } from './parsed.ts';
import type { Told } from './parsed.ts';

/** Records as the specification draws them, and what each of them says. */
const GOLDEN: readonly (readonly [name: string, bytes: string, told: Told])[] = [
  [
    'BEGIN_REQUEST of a responder, kept (§ 5.1)',
    '01 01 0001 0008 00 00  0001 01 0000000000',
    ['record', 1, 1, '\0\x01\x01\0\0\0\0\0'],
  ],
  ['ABORT_REQUEST (§ 5.4)', '01 02 0003 0000 00 00', ['record', 2, 3, '']],
  [
    'END_REQUEST of example 3: appStatus 938, complete (§ 5.5, Appendix B)',
    '01 03 0001 0008 00 00  000003aa 00 000000',
    ['record', 3, 1, '\0\0\x03\xaa\0\0\0\0'],
  ],
  [
    'END_REQUEST: overloaded',
    '01 03 ffff 0008 00 00  00000000 02 000000',
    ['record', 3, 65_535, '\0\0\0\0\x02\0\0\0'],
  ],
  [
    'UNKNOWN_TYPE for a record of type 99 (§ 4.2)',
    '01 0b 0000 0008 00 00  63 00000000000000',
    ['record', 11, 0, 'c\0\0\0\0\0\0\0'],
  ],
  [
    'STDIN with 3 bytes and 5 of padding',
    '01 05 0102 0003 05 00  616263 0000000000',
    ['bytes', 5, 258, 'abc'],
  ],
  ['the end of STDIN', '01 05 0001 0000 00 00', ['end', 5, 1, '']],
  ['the end of PARAMS', '01 04 0001 0000 00 00', ['end', 4, 1, '']],
  ['the end of DATA', '01 08 0001 0000 00 00', ['end', 8, 1, '']],
  [
    'GET_VALUES for FCGI_MAX_CONNS (§ 4.1)',
    '01 09 0000 0010 00 00  0e 00 464347495f4d41585f434f4e4e53',
    ['record', 9, 0, '\x0e\0FCGI_MAX_CONNS'],
  ],
  [
    'an application record of type 200',
    '01 c8 0001 0001 07 00 78 00000000000000',
    ['record', 200, 1, 'x'],
  ],
  ['a management record of the type of a stream', '01 05 0000 0000 00 00', ['record', 5, 0, '']],
];

/** Contents of STDIN and PARAMS of Appendix B, example 2, with padding as some front ends add it. */
const EXAMPLE_2 = Buffer.concat([
  independent(1, 1, hex('0001 00 0000000000')),
  independent(4, 1, Buffer.from('\x0b\x02SERVER_PORT80\x0b\x0eSER'), 5),
  independent(4, 1, Buffer.from('VER_ADDR199.170.183.42'), 2),
  independent(4, 1, Buffer.alloc(0), 8),
  independent(5, 1, Buffer.from('quantity=100&item=3047936'), 255),
  independent(5, 1, Buffer.alloc(0)),
]);
const TOLD_2: readonly Told[] = [
  ['record', 1, 1, '\0\x01\0\0\0\0\0\0'],
  ['bytes', 4, 1, '\x0b\x02SERVER_PORT80\x0b\x0eSERVER_ADDR199.170.183.42'],
  ['end', 4, 1, ''],
  ['bytes', 5, 1, 'quantity=100&item=3047936'],
  ['end', 5, 1, ''],
];

describe('decoding', () => {
  test.each(GOLDEN)('%s', (_, bytes, told) => {
    expect(parse([hex(bytes)])).toEqual([told]);
  });

  test('every golden record, cut at every place', () => {
    for (const [, bytes, told] of GOLDEN) {
      for (const chunks of everySplit(hex(bytes))) expect(parse(chunks)).toEqual([told]);
    }
  });

  test('example 2 of Appendix B with padding, cut at every place', () => {
    for (const chunks of everySplit(EXAMPLE_2)) expect(parse(chunks)).toEqual(TOLD_2);
  });

  test('it and the golden records in a row, cut anywhere', () => {
    const bytes = Buffer.concat([...GOLDEN.map((row) => hex(row[1])), EXAMPLE_2]);
    const whole = parse([bytes]);
    expect(whole).toHaveLength(GOLDEN.length + TOLD_2.length);
    const places = fc.array(fc.nat(bytes.length), { maxLength: 40 });
    fc.assert(
      fc.property(places, (at) => {
        expect(parse(cutAt(bytes, at))).toEqual(whole);
      }),
      { seed: 3, numRuns: 500 },
    );
  });

  test('the largest record: 65,535 bytes of content and 255 of padding', () => {
    const content = Buffer.alloc(65_535, 'x');
    for (const type of [fcgi.FCGI_STDIN, fcgi.FCGI_GET_VALUES]) {
      const bytes = Buffer.concat([independent(type, 1, content, 255), independent(2, 1, hex(''))]);
      for (const at of [0, 1, 8, 9, 65_542, 65_543, 65_700, bytes.length]) {
        const kind = type === fcgi.FCGI_STDIN ? 'bytes' : 'record';
        expect(parse(cutAt(bytes, [at]))).toEqual([
          [kind, type, 1, content.toString()],
          ['record', 2, 1, ''],
        ]);
      }
    }
  });

  test('any records of any content come out as they went in, cut anywhere', () => {
    const record = fc.record({
      type: fc.nat(255),
      id: fc.nat(65_535),
      content: fc.uint8Array({ maxLength: 40 }),
      padding: fc.nat(255),
    });
    const cuts = fc.array(fc.nat(4000), { maxLength: 30 });
    fc.assert(
      fc.property(fc.array(record, { maxLength: 12 }), cuts, (records, at) => {
        const bytes = Buffer.concat(
          records.map(({ type, id, content, padding }) => independent(type, id, content, padding)),
        );
        const listed = records.map(({ type, id, content }): Told => {
          const text = Buffer.from(content).toString('latin1');
          if (id === 0 || ![4, 5, 8].includes(type)) return ['record', type, id, text];
          return text === '' ? ['end', type, id, ''] : ['bytes', type, id, text];
        });
        expect(parse(cutAt(bytes, at))).toEqual(joined(listed));
      }),
      { seed: 5, numRuns: 500 },
    );
  });

  test.each([
    ['version 255', 'ff', '00', 'record version 255 instead of 1, FastCGI 1.0 § 3.3'],
    [
      'a TLS hello',
      '16 03 01',
      '',
      'record version 22 instead of 1, FastCGI 1.0 § 3.3 (this looks like TLS)',
    ],
    [
      'an HTTP request',
      Buffer.from('GET / HTTP/1.1').toString('hex'),
      '',
      'record version 71 instead of 1, FastCGI 1.0 § 3.3 (this looks like HTTP)',
    ],
  ])('%s is refused by its first byte', (_, first, rest, message) => {
    const bytes = hex(first + rest);
    const error = new ProtocolError(message);
    expect(() => parse([bytes])).toThrow(error);
    expect(() => parse([bytes.subarray(0, 1)])).toThrow(error);
    const behind = Buffer.concat([EXAMPLE_2, bytes]);
    for (const at of [0, EXAMPLE_2.length, EXAMPLE_2.length - 3]) {
      expect(() => parse(cutAt(behind, [at]))).toThrow(error);
    }
  });
});

/** A golden row as the byte string that encoders make. */
function written(row: number): string {
  return text(GOLDEN[row]![1]);
}

function text(digits: string): string {
  return hex(digits).toString('latin1');
}

describe('encoding', () => {
  test('END_REQUEST', () => {
    expect(encodeEndRequest(1, fcgi.FCGI_REQUEST_COMPLETE, 938)).toBe(written(2));
    expect(encodeEndRequest(65_535, fcgi.FCGI_OVERLOADED)).toBe(written(3));
  });

  test.each([0, 1, 0x7fffffff, 0xffffffff, -1])('an appStatus is all of 32 bits: %d', (status) => {
    const record = Buffer.from(encodeEndRequest(1, 0, status), 'latin1');
    expect(record.readUInt32BE(8)).toBe(status >>> 0);
  });

  test('UNKNOWN_TYPE', () => {
    expect(encodeUnknownType(99)).toBe(written(4));
  });

  test('content, with padding to 8 bytes, or as much as is wanted', () => {
    expect(encodeRecord(5, 258, 'abc')).toBe(written(5));
    expect(encodeRecord(9, 0, '\x0e\0FCGI_MAX_CONNS')).toBe(written(9));
    expect(encodeRecord(6, 1, '')).toBe(text('01 06 0001 0000 00 00'));
    expect(encodeRecord(7, 1, '\xff', 9)).toBe(text('01 07 0001 0001 09 00 ff 000000000000000000'));
  });

  test('padding: what is missing to 8, and zero', () => {
    expect([0, 1, 7, 8, 9, 65_528, 65_535].map(paddingFor)).toEqual([0, 7, 1, 0, 7, 0, 1]);
    for (const length of [0, 1, 7, 8, 255]) expect(encodePadding(length)).toBe('\0'.repeat(length));
  });

  test('a header', () => {
    expect(encodeHeader(fcgi.FCGI_STDOUT, 0xabcd, 0xfff8)).toBe(text('01 06 abcd fff8 00 00'));
    expect(encodeHeader(fcgi.FCGI_STDERR, 1, 8, 8)).toBe(text('01 07 0001 0008 08 00'));
  });

  test('every record that is encoded is one that is parsed', () => {
    const content = fc.string({ unit: fc.nat(255).map((byte) => String.fromCharCode(byte)) });
    fc.assert(
      fc.property(fc.nat(65_535), content, fc.nat(255), (id, body, padding) => {
        const record = Buffer.from(encodeRecord(200, id, body, padding), 'latin1');
        expect(parse([record])).toEqual([['record', 200, id, body]]);
      }),
    );
  });
});

/** Bytes of one stream that follow each other are told of together. */
function joined(listed: readonly Told[]): Told[] {
  const told: Told[] = [];
  for (const [kind, type, id, content] of listed) {
    const last = told.at(-1);
    const isMore = kind === 'bytes' && last?.[0] === kind && last[1] === type && last[2] === id;
    if (isMore) last[3] += content;
    else told.push([kind, type, id, content]);
  }
  return told;
}
