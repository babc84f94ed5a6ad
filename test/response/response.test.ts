/** PEP 3333's rules of startResponse and of the length, without any gateway. */

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { ApplicationError, HeaderError } from '../../src/errors.ts';
import { ResponseState } from '../../src/response/response.ts';
import type { ExcInfo } from '../../src/response/response.ts';
import type { HeaderList } from '../../src/types.ts';

const NONE: ExcInfo | undefined = undefined;

function started(status = '200 OK', headers: HeaderList = []): ResponseState {
  const response = new ResponseState();
  response.start(status, headers, NONE);
  return response;
}

describe('startResponse', () => {
  test('stores what it is given, and a copy of the list', () => {
    const headers: [string, string][] = [['X-A', '1']];
    const response = started('201 Created', headers);
    headers.push(['X-B', '2']);
    expect([response.status, response.headers?.list]).toEqual(['201 Created', [['X-A', '1']]]);
    expect(response.headersSent).toBe(false);
  });

  test('that fails leaves nothing of the call before, and counts as one', () => {
    const response = started();
    const excInfo = { error: new Error('why') };
    expect(() => response.start('200 OK', [['Bad Name', '']], excInfo)).toThrow(HeaderError);
    expect(response.status).toBe('');
    expect(() => response.start('200 OK', [], NONE)).toThrow('Headers already set');
    expect(() => response.settle(false, 0)).toThrow(
      'startResponse failed, and a body came all the same',
    );
    response.start('500 Failed', [], excInfo);
    expect(response.settle(false, 0).list).toEqual([['Content-Length', '0']]);
  });

  test('that was never called is an error of the application', () => {
    const response = new ResponseState();
    expect(() => response.settle(false, undefined)).toThrow(ApplicationError);
    expect(() => response.settle(false, undefined)).toThrow('without calling startResponse');
  });

  test.each([[new Error('x')], [undefined], [null], [0]])(
    'that comes too late throws %o, and so does every check from then on',
    (error) => {
      const response = started();
      response.headersSent = true;
      response.check();
      for (const call of [
        () => response.start('500 Late', [], { error }),
        () => response.check(),
        () => response.check(),
      ]) {
        let caught: unknown = 'nothing';
        try {
          call();
        } catch (thrown) {
          caught = thrown;
        }
        expect(caught).toBe(error);
      }
      // What was sent stays what it was.
      expect(response.status).toBe('200 OK');
    },
  );
});

// RFC 9110 § 8.6, and PEP 3333, "Handling the Content-Length Header".
describe('Content-Length', () => {
  const status = fc.constantFrom('200 OK', '404 Not Found', '204 No Content', '304 Not Modified');
  const length = fc.option(fc.nat(5), { nil: undefined });

  test('is what the application says, else what is known, and is never where it may not be', () => {
    fc.assert(
      fc.property(status, length, length, fc.boolean(), (status, declared, known, isHead) => {
        const headers: HeaderList =
          declared === undefined ? [] : [['content-LENGTH', String(declared)]];
        const response = started(status, headers);
        const { list } = response.settle(isHead, known);
        const isForbidden = status.startsWith('204');
        const isEmpty = isForbidden || status.startsWith('304');
        // Nothing is known of what GET would have had.
        const tells = known !== undefined && !isEmpty && (known > 0 || !isHead);
        const expected = isForbidden ? undefined : (declared ?? (tells ? known : undefined));
        expect(list.map(([, value]) => value)).toEqual(
          expected === undefined ? [] : [String(expected)],
        );
        expect(response.isBodiless).toBe(isHead || isEmpty);
        expect(response.allowed).toBe(expected ?? Infinity);
        expect(response.missing).toBe(isHead || isEmpty ? 0 : (expected ?? 0));
        response.sent += 3;
        expect(response.allowed).toBe((expected ?? Infinity) - 3);
        if (!response.isBodiless) expect(response.missing).toBe(Math.max(0, (expected ?? 0) - 3));
      }),
    );
  });

  test('of 204 goes, and the other headers stay', () => {
    const response = started('204 No Content', [
      ['X-A', '1'],
      ['Content-Length', '5'],
      ['X-B', '2'],
    ]);
    expect(response.settle(false, 5).list).toEqual([
      ['X-A', '1'],
      ['X-B', '2'],
    ]);
  });
});
