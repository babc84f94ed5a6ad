/** What may be in the status and the headers of a response. */

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  checkHeaders,
  checkStatus,
  formatDateTime,
  isHopByHop,
  isToken,
  parseContentLength,
} from '../../src/response/headers.ts';
import { HeaderError } from '../../src/index.ts';
import type { Header, HeaderList } from '../../src/index.ts';

// RFC 9110 § 5.6.2 and § 5.5, once more and in another way than in the code.
const TCHAR = /[!#$%&'*+.^_`|~A-Za-z0-9-]/;
const isTokenChar = (char: string): boolean => TCHAR.test(char);
const isValueChar = (char: string): boolean =>
  char === '\t' || (char >= ' ' && char <= '\xff' && char !== '\x7f');

const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
const anyText = fc.oneof(fc.string({ unit: byte }), fc.string({ unit }), fc.string());

const HOP_BY_HOP = [
  'Connection',
  'Keep-Alive',
  'Proxy-Authenticate',
  'Proxy-Authorization',
  'Proxy-Connection',
  'TE',
  'Trailer',
  'Trailers',
  'Transfer-Encoding',
  'Upgrade',
];

test('isHopByHop, whatever the case', () => {
  for (const name of HOP_BY_HOP) {
    for (const spelling of [name, name.toUpperCase(), name.toLowerCase()]) {
      expect(isHopByHop(spelling), spelling).toBe(true);
    }
  }
  for (const name of 'Accept Cache-Control Date Pragma Via Warning Content-Length'.split(' ')) {
    expect(isHopByHop(name), name).toBe(false);
  }
});

describe('checkHeaders', () => {
  test('copies, and finds out what the handler has to know', () => {
    const headers: [string, string][] = [
      ['Content-Type', 'text/plain'],
      ['DATE', 'today'],
      ['server', 'mine'],
      ['content-LENGTH', '0012'],
    ];
    const checked = checkHeaders(headers);
    expect(checked).toEqual({
      list: headers,
      contentLength: 12,
      hasDate: true,
      hasServer: true,
      hasLocation: false,
    });
    headers[0]![1] = 'changed';
    headers.pop();
    expect(checked.list).toHaveLength(4);
    expect(checked.list[0]![1]).toBe('text/plain');
    expect(checkHeaders([])).toEqual({
      list: [],
      contentLength: -1,
      hasDate: false,
      hasServer: false,
      hasLocation: false,
    });
    expect(checkHeaders([['LOCATION', '/']]).hasLocation).toBe(true);
  });

  test.each([
    ['no array', undefined],
    ['no array', {}],
    ['no array', new Map([['A', 'b']])],
    ['no pair', [null]],
    ['no pair', ['A: b']],
    ['no pair', [['A']]],
    ['no pair', [['A', 'b', 'c']]],
    ['no string', [[1, 'b']]],
    ['no string', [['A', 1]]],
    ['no string', [['A', null]]],
    ['Status', [['Status', '200 OK']]],
    ['Status', [['sTATUS', '200 OK']]],
    ['Content-Length', [['Content-Length', '']]],
    ['Content-Length', [['Content-Length', '-1']]],
    ['Content-Length', [['Content-Length', '1, 1']]],
    ['Content-Length', [['Content-Length', '9007199254740993']]],
    [
      'Content-Length twice',
      [
        ['Content-Length', '1'],
        ['content-length', '1'],
      ],
    ],
    ...HOP_BY_HOP.map((name) => ['hop-by-hop', [[name, 'x']]]),
    ...HOP_BY_HOP.map((name) => ['hop-by-hop', [[name.toUpperCase(), 'x']]]),
  ] as [string, unknown][])('refuses %s: %j', (_, headers) => {
    expect(() => checkHeaders(headers as HeaderList)).toThrow(HeaderError);
    // The cache of names must not let through the second time what it refused the first time.
    expect(() => checkHeaders(headers as HeaderList)).toThrow(HeaderError);
  });

  test('a name is a token, whatever it is made of', () => {
    fc.assert(
      fc.property(anyText, (name) => {
        const allowed =
          name !== '' &&
          [...name].every(isTokenChar) &&
          !HOP_BY_HOP.some((hop) => hop.toLowerCase() === name.toLowerCase()) &&
          name.toLowerCase() !== 'status';
        const value = name.toLowerCase() === 'content-length' ? '1' : 'x';
        if (allowed) expect(checkHeaders([[name, value]]).list).toEqual([[name, value]]);
        else expect(() => checkHeaders([[name, value]])).toThrow(HeaderError);
        expect(isToken(name)).toBe(name !== '' && [...name].every(isTokenChar));
      }),
    );
  });

  test('a value has no control character but TAB, and only bytes', () => {
    for (let code = 0; code <= 0x200; code++) {
      const value = `a${String.fromCharCode(code)}b`;
      const header: Header = ['X-Value', value];
      if ([...value].every(isValueChar)) expect(checkHeaders([header]).list).toEqual([header]);
      else expect(() => checkHeaders([header]), String(code)).toThrow(HeaderError);
    }
    fc.assert(
      fc.property(anyText, (value) => {
        const units = value.split('');
        if (units.every(isValueChar)) checkHeaders([['X-Value', value]]);
        else expect(() => checkHeaders([['X-Value', value]])).toThrow(HeaderError);
      }),
    );
  });

  test('the cache of names is bounded', () => {
    const names = Array.from({ length: 2000 }, (_, i): Header => [`X-${i}`, '']);
    expect(checkHeaders(names).list).toEqual(names);
    expect(checkHeaders(names).list).toEqual(names);
  });
});

describe('checkStatus', () => {
  test.each([
    '200 OK',
    '404 Not Found',
    '999 Höchst eigen',
    '200  two spaces',
    '200 OK ',
    '200 \tOK',
    '299 \xa0',
  ])('takes %j', (status) => {
    expect(() => checkStatus(status)).not.toThrow();
  });

  test.each([
    undefined,
    null,
    200,
    '',
    '200',
    '200 ',
    '200  \t ',
    '200OK',
    '20 OK',
    '2000 OK',
    '099 Low',
    ' 200 OK',
    '２00 OK',
    '200 OK\n',
    '200 OK\r\nX: y',
    '200 \0',
    '200 \x7f',
    '200 \u0100',
    '100 Continue',
    '103 Early Hints',
    '199 x',
  ])('refuses %j', (status) => {
    expect(() => checkStatus(status)).toThrow(HeaderError);
  });

  test('takes time in proportion to its length, however blank', () => {
    // With two overlapping repetitions in the expression these would take minutes.
    for (const text of [' '.repeat(300_000), 'a'.repeat(300_000)]) {
      expect(() => checkStatus(`200 ${text}\n`)).toThrow(HeaderError);
    }
  });
});

test('parseContentLength takes digits alone', () => {
  expect(parseContentLength('0')).toBe(0);
  expect(parseContentLength('0010')).toBe(10);
  expect(parseContentLength(String(Number.MAX_SAFE_INTEGER))).toBe(Number.MAX_SAFE_INTEGER);
  for (const text of [
    '',
    ' 1',
    '1 ',
    '+1',
    '-1',
    '1.0',
    '1e3',
    '0x1',
    '1,1',
    '１',
    '9'.repeat(20),
  ]) {
    expect(parseContentLength(text), text).toBeUndefined();
  }
});

describe('formatDateTime', () => {
  test.each([
    [0, 'Thu, 01 Jan 1970 00:00:00 GMT'],
    [784_111_777_000, 'Sun, 06 Nov 1994 08:49:37 GMT'], // RFC 9110 § 5.6.7
    [784_111_777_999, 'Sun, 06 Nov 1994 08:49:37 GMT'],
    [new Date(Date.UTC(2026, 1, 28, 23, 59, 59)), 'Sat, 28 Feb 2026 23:59:59 GMT'],
    [-1000, 'Wed, 31 Dec 1969 23:59:59 GMT'],
    [253_402_300_799_000, 'Fri, 31 Dec 9999 23:59:59 GMT'],
  ])('%o is %s', (time, text) => {
    expect(formatDateTime(time)).toBe(text);
  });

  test.each([Number.NaN, Infinity, new Date(Number.NaN), 253_402_300_800_000, -1e14])(
    'refuses %o',
    (time) => {
      expect(() => formatDateTime(time)).toThrow(HeaderError);
    },
  );
});
