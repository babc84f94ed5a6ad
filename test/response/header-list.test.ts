/** The collection of headers, `Headers`. */

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { HeaderError, Headers } from '../../src/index.ts';
import type { Header } from '../../src/index.ts';

const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
// RFC 9110 § 5.5, in another way than in the code.
const isValueChar = (char: string): boolean =>
  char === '\t' || (char >= ' ' && char <= '\xff' && char !== '\x7f');

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
