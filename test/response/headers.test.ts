/** What may be in a response's headers, and the collection of them. */

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
import { HeaderError, Headers } from '../../src/index.ts';
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

// What Headers does, done to a list of pairs: slowly and obviously.
const name = fc.constantFrom('A', 'a', 'B', 'b', 'X-Long-Name', 'x-long-NAME');
const value = fc.string({ unit: byte.filter(isValueChar), maxLength: 5 });
function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

class Append {
  readonly header: [string, string];
  constructor(header: [string, string]) {
    this.header = header;
  }
  check = (): boolean => true;
  run(model: { list: [string, string][] }, headers: Headers): void {
    expect(headers.append(...this.header)).toBe(headers);
    model.list.push(this.header);
  }
  toString = (): string => `append(${this.header.join()})`;
}
class Set_ extends Append {
  override run(model: { list: [string, string][] }, headers: Headers): void {
    expect(headers.set(...this.header)).toBe(headers);
    model.list = model.list.filter(([other]) => !same(other, this.header[0]));
    model.list.push(this.header);
  }
}
class SetDefault extends Append {
  override run(model: { list: [string, string][] }, headers: Headers): void {
    const present = model.list.find(([other]) => same(other, this.header[0]));
    expect(headers.setDefault(...this.header)).toBe((present ?? this.header)[1]);
    if (present === undefined) model.list.push(this.header);
  }
}
class Delete extends Append {
  override run(model: { list: [string, string][] }, headers: Headers): void {
    const left = model.list.filter(([other]) => !same(other, this.header[0]));
    expect(headers.delete(this.header[0])).toBe(left.length < model.list.length);
    model.list = left;
  }
}
class Look extends Append {
  override run(model: { list: [string, string][] }, headers: Headers): void {
    const [wanted] = this.header;
    const values = model.list.filter(([other]) => same(other, wanted)).map(([, found]) => found);
    expect(headers.getAll(wanted)).toEqual(values);
    expect(headers.get(wanted)).toBe(values[0]);
    expect(headers.has(wanted)).toBe(values.length > 0);
    expect(headers.size).toBe(model.list.length);
    expect([...headers]).toEqual(model.list);
    expect(headers.toString()).toBe(
      [...model.list.map((pair) => pair.join(': ')), '', ''].join('\r\n'),
    );
  }
}

describe('Headers', () => {
  // CPython's test_wsgiref.py, HeaderTests.
  test('as wsgiref.headers.Headers', () => {
    const init: [string, string][] = [['x', 'y']];
    expect(new Headers().size).toBe(0);
    expect(new Headers([]).size).toBe(0);
    expect(new Headers(init).size).toBe(1);
    expect(new Headers(init).keys()).toEqual(['x']);
    expect(new Headers(init).values()).toEqual(['y']);
    expect(new Headers(init).toArray()).toEqual(init);
    expect(new Headers(init).toArray()).not.toBe(init);

    const headers = new Headers();
    expect(headers.delete('foo')).toBe(false);
    headers.set('Foo', 'bar');
    for (const name of ['foo', 'Foo', 'FOO']) {
      expect(headers.has(name)).toBe(true);
      expect(headers.get(name)).toBe('bar');
      expect(headers.getAll(name)).toEqual(['bar']);
    }
    expect(headers.has('bar')).toBe(false);
    expect(headers.get('bar')).toBeUndefined();
    expect(headers.getAll('bar')).toEqual([]);
    headers.set('foo', 'baz');
    expect(headers.get('FOO')).toBe('baz');
    expect(headers.getAll('foo')).toEqual(['baz']);
    expect(headers.setDefault('foo', 'whee')).toBe('baz');
    expect(headers.setDefault('zoo', 'whee')).toBe('whee');
    expect(headers.get('foo')).toBe('baz');
    expect(headers.get('zoo')).toBe('whee');
  });

  test('addHeader, with parameters', () => {
    const headers = new Headers();
    expect(String(headers)).toBe('\r\n');
    headers.addHeader('foo', 'bar', { baz: 'spam' });
    expect(headers.get('foo')).toBe('bar; baz="spam"');
    expect(String(headers)).toBe('foo: bar; baz="spam"\r\n\r\n');
    headers.addHeader('Foo', 'bar', { cheese: null });
    expect(headers.getAll('foo')).toEqual(['bar; baz="spam"', 'bar; cheese']);
    expect(String(headers)).toBe('foo: bar; baz="spam"\r\nFoo: bar; cheese\r\n\r\n');
  });

  test.each([
    ['attachment', { filename: 'a b.txt' }, 'attachment; filename="a b.txt"'],
    ['attachment', { filename: 'say "\\".txt' }, 'attachment; filename="say \\"\\\\\\".txt"'],
    ['form-data', { name: 'x', max_age: 3 }, 'form-data; name="x"; max-age="3"'],
    ['text/plain', { charset: '' }, 'text/plain; charset=""'],
    [null, { a: 'b', c: null }, 'a="b"; c'],
    ['inline', {}, 'inline'],
    [null, {}, ''],
  ] as [string | null, Record<string, string | number | null>, string][])(
    'addHeader(%j, %j) is %s',
    (value, params, expected) => {
      expect(new Headers().addHeader('X-Params', value, params).get('X-Params')).toBe(expected);
    },
  );

  test.each([
    [{ 'a b': 'c' }],
    [{ 'a"': 'c' }],
    [{ '': 'c' }],
    [{ a: 'b\r\nSet-Cookie: c' }],
    [{ a: '\u0100' }],
  ])('addHeader refuses %j, and adds nothing', (params) => {
    const headers = new Headers();
    expect(() => headers.addHeader('A', 'b', params)).toThrow(HeaderError);
    expect(headers.size).toBe(0);
  });

  test('what no response may carry is refused by every method, and changes nothing', () => {
    const headers = new Headers([['A', 'b']]);
    const bad: Header[] = [
      ['A', 'b\n'],
      ['A', '\0'],
      ['A', '\u0100'],
      ['A\r', 'b'],
      ['A:', 'b'],
      ['', 'b'],
      ['Connection', 'close'],
      ['Status', '200 OK'],
    ];
    for (const [name, value] of bad) {
      expect(() => headers.append(name, value)).toThrow(HeaderError);
      expect(() => headers.set(name, value)).toThrow(HeaderError);
      expect(() => new Headers([[name, value]])).toThrow(HeaderError);
      if (!headers.has(name)) expect(() => headers.setDefault(name, value)).toThrow(HeaderError);
    }
    expect(headers.toArray()).toEqual([['A', 'b']]);
  });

  test('a copy goes out, and a copy goes in', () => {
    const init: [string, string][] = [['A', 'b']];
    const headers = new Headers(init);
    init[0]![1] = 'changed';
    init.push(['C', 'd']);
    expect([...headers]).toEqual([['A', 'b']]);
    headers.toArray()[0]![1] = 'changed';
    for (const header of headers) (header as [string, string])[1] = 'changed';
    expect(headers.get('A')).toBe('b');
    expect(new Headers(headers).toArray()).toEqual([['A', 'b']]);
  });

  test('the block form as bytes is latin-1', () => {
    const headers = new Headers([['X-Name', 'é']]);
    expect(headers.toBytes()).toEqual(Buffer.from('X-Name: \xe9\r\n\r\n', 'latin1'));
  });

  test('any sequence of calls does what it does to a list of pairs', () => {
    const commands = [Append, Set_, SetDefault, Delete, Look].map((Command) =>
      fc.tuple(name, value).map((header) => new Command(header)),
    );
    fc.assert(
      fc.property(fc.commands(commands, { size: '+1' }), (sequence) => {
        fc.modelRun(() => ({ model: { list: [] }, real: new Headers() }), sequence);
      }),
    );
  });
});
