/** Whose the first argument of a CGI program is, for each way in which servers make arguments of a query. */

import { linkSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import * as fc from 'fast-check';

import { whyUntrusted } from '../../../src/cli/cgi/arguments.ts';

const MAY_COME = 'the first argument may come from the query string';

const isVisitors = (argument: string, query: string): boolean =>
  whyUntrusted(argument, { QUERY_STRING: query }) !== undefined;

describe('what servers make of a query', () => {
  test.each([
    // Apache 2.4: split, decoded, backslashes for the shell, none beyond 4,094.
    ['/tmp/evil.mjs', '/tmp/evil.mjs'],
    ['/tmp/evil.mjs', '/tmp/evil.mjs+%E9'],
    ['/tmp/evil.mjs', `/tmp/evil.mjs${'+'.repeat(5000)}`],
    ['/tmp/evil.mjs', '%2Ftmp%2Fevil.mjs'],
    ['/tmp/evil.mjs', '/tmp/%65vil.mjs'],
    ['/tmp/evil\uFFFD', '/tmp/evil%E9'],
    ['/tmp/evil\uFFFD.mjs', '/tmp/evil%E9.mjs'],
    ['/tmp/évil.mjs', '/tmp/%C3%A9vil.mjs'],
    [String.raw`/tmp/\(evil\).mjs`, '/tmp/(evil).mjs'],
    [String.raw`/tmp/\~evil.mjs`, '/tmp/~evil.mjs'],
    [String.raw`\&evil.mjs`, '&evil.mjs'],
    // A string of C ends at a NUL.
    ['/tmp/evil.mjs', '/tmp/evil.mjs%00.html'],
    ['/tmp/evil.mjs', '/tmp/evil%00x'],
    // thttpd: no word for what is empty at the end.
    ['/tmp/evil.mjs', '/tmp/evil.mjs+'],
    // Python's http.server: all in one, blanks for plus signs, undecoded.
    ['/tmp/evil one two', '/tmp/evil+one+two'],
    [' /evil', '+/evil'],
    ['/tmp/evil%41', '/tmp/evil%41'],
    ['/tmp/evil%E9', '/tmp/evil%E9'],
    // Tomcat with a platform that knows ASCII alone.
    ['/tmp/evil?', '/tmp/evil%E9'],
    // Decoded twice.
    ['/tmp/evil.mjs', '%252Ftmp/evil.mjs'],
    // A wrapper without quotes splits, and loses what is empty.
    ['/tmp/evil.mjs', '+/tmp/evil.mjs'],
    ['/tmp/evil.mjs', '++/tmp/evil.mjs+x'],
    ['/tmp/evil.mjs', '%20/tmp/evil.mjs'],
    ['/tmp/evil.mjs', '/tmp/evil.mjs%20x'],
    ['/tmp/evil.mjs', '/tmp/e*'],
    ['evil.mjs', 'evil.mjs'],
    ['evil.mjs:app', 'evil.mjs:app'],
  ])('%j may come from %j', (argument, query) => {
    expect(whyUntrusted(argument, { QUERY_STRING: query })).toBe(MAY_COME);
  });

  test('whatever is split, decoded, escaped, cut off or left out', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    const character = fc.oneof(
      fc.constantFrom(...'/tmp/evil.mjs', '+', '+', '&', '~', '%', '*'),
      byte.map((value) => `%${value.toString(16).padStart(2, '0')}`),
    );
    const query = fc
      .array(character, { minLength: 1, maxLength: 30 })
      .map((parts) => parts.join(''))
      .filter((text) => /[^+]/.test(text));
    const makers = fc.constantFrom(asApache, asUnquoted, asPython, asTerminated);
    fc.assert(
      fc.property(query, makers, (text, make) => {
        const argument = make(text);
        return argument.trim() === '' || isVisitors(argument, text);
      }),
      { numRuns: 20_000 },
    );
  });
});

describe('what no server makes of a query is the operator’s', () => {
  test.each([
    ['/home/me/app/app.mjs', 'word'],
    ['/home/me/app/app.mjs', 'a+b'],
    ['/home/me/app/app.mjs', 'h%6Fme'],
    ['/home/me/app/app.mjs', '%E9'],
    ['/home/me/app/app.mjs', '%C3%A9t%C3%A9'],
    ['/home/me/app/app.mjs', '+'],
    ['/home/me/app/app.mjs', '/home/me/app/app'],
    ['/home/me/app/app.mjs', '/home/me/app/app.mjsx'],
    ['/home/me/app/app.mjs', '/home/me+/app/app.mjs'],
    ['/home/me/app/app.mjs', '/other%20page'],
    ['app.mjs', 'a'],
    ['app.mjs', 'a+pp.mjs'],
    ['app.mjs', 'word%20x'],
    // Without an indexed query there are no words.
    ['/home/me/app/app.mjs', ''],
    ['/home/me/app/app.mjs', '%2Fhome=1'],
    ['/home/me/app/app.mjs', '/home/me/app/app.mjs+x='],
  ])('%j beside %j', (argument, query) => {
    expect(isVisitors(argument, query)).toBe(false);
  });

  test('no query at all', () => {
    expect(whyUntrusted('app.mjs', {})).toBeUndefined();
  });

  test('but on Windows characters become others', () => {
    vi.spyOn(process, 'platform', 'get').mockReturnValue('win32');
    expect(isVisitors('-e', '%AD')).toBe(true);
    expect(isVisitors('-e', '%ADe')).toBe(true);
    expect(isVisitors('app.mjs', 'word+%AD')).toBe(false);
  });
});

describe('the program that the server has started', () => {
  let folder: string;
  const at = (name: string): string => join(folder, name);
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'postern-arguments-'));
    for (const name of ['app.mjs', 'wrapper.cgi', 'main.js']) writeFileSync(at(name), '');
    symlinkSync('main.js', at('link'));
    linkSync(at('main.js'), at('second'));
    symlinkSync('app.mjs', at('app-link'));
  });
  afterEach(() => void vi.restoreAllMocks());
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(['main.js', 'link', 'second'])(
    'is postern itself as %s: no argument counts, whatever the query',
    (name) => {
      const argv = [process.execPath, at('main.js'), at('app.mjs')];
      vi.spyOn(process, 'argv', 'get').mockReturnValue(argv);
      for (const query of ['', 'a=b', 'word', undefined]) {
        expect(
          whyUntrusted(at('app.mjs'), { SCRIPT_FILENAME: at(name), QUERY_STRING: query }),
        ).toBe('the web server has started postern itself');
      }
    },
  );

  test.each(['app.mjs', 'app-link'])('is the application as %s: that is what is loaded', (name) => {
    for (const query of ['', 'word', at('app.mjs'), '%20', '%2F+x']) {
      const environment = { SCRIPT_FILENAME: at(name), QUERY_STRING: query };
      expect(whyUntrusted(at('app.mjs'), environment)).toBeUndefined();
    }
  });

  test('is another, or is not there: the query decides', () => {
    for (const name of ['wrapper.cgi', 'nowhere']) {
      const environment = { SCRIPT_FILENAME: at(name), QUERY_STRING: at('app.mjs') };
      expect(whyUntrusted(at('app.mjs'), environment)).toBe(MAY_COME);
      environment.QUERY_STRING = 'word';
      expect(whyUntrusted(at('app.mjs'), environment)).toBeUndefined();
    }
  });
});

/** Bytes of escapes become what Node makes of arguments. */
function decode(word: string): string {
  const bytes = word.replaceAll(/%([\da-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
function asApache(query: string): string {
  return decode(query.split('+')[0]!).replaceAll(/[^\w./\uFFFD-]/g, String.raw`\$&`);
}
function asUnquoted(query: string): string {
  return decode(query.replaceAll('+', ' '))
    .trim()
    .split(/[ \t\n]+/)[0]!;
}
function asPython(query: string): string {
  return query.replaceAll('+', ' ');
}
function asTerminated(query: string): string {
  return decode(query.split('+')[0]!).split('\0')[0]!;
}
