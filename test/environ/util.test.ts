/** The functions of wsgiref.util, with the rows of CPython's own test/test_wsgiref.py. */

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { applicationUri, requestUri, shiftPathInfo } from '../../src/environ/util.ts';
import { setupTestingDefaults } from '../../src/testing/defaults.ts';

const uriRows: [expected: string, variables: Record<string, unknown>][] = [
  ['http://127.0.0.1/', {}],
  ['http://127.0.0.1/spam', { SCRIPT_NAME: '/spam' }],
  ['http://127.0.0.1/sp%E4m', { SCRIPT_NAME: '/sp\xe4m' }],
  ['http://spam.example.com/', { SERVER_NAME: 'spam.example.com' }],
  ['http://127.0.0.1/', { HTTP_HOST: '127.0.0.1', SERVER_NAME: 'spam.example.com' }],
  ['https://127.0.0.1/', { HTTPS: 'on' }],
];

describe('applicationUri', () => {
  test.each([
    ...uriRows,
    ['http://spam.example.com:2071/', { HTTP_HOST: 'spam.example.com:2071', SERVER_PORT: '2071' }],
    ['http://127.0.0.1:8000/', { SERVER_PORT: '8000', HTTP_HOST: undefined }],
    ['https://127.0.0.1:80/', { HTTPS: 'on', SERVER_PORT: '80', HTTP_HOST: undefined }],
    ['http://127.0.0.1/app', { SCRIPT_NAME: '/app', PATH_INFO: '/x', QUERY_STRING: 'a=b' }],
    ['http://[::1]:81/', { SERVER_NAME: '::1', SERVER_PORT: '81', HTTP_HOST: undefined }],
    ['http://[::1]/', { SERVER_NAME: '[::1]', HTTP_HOST: undefined }],
  ] as typeof uriRows)('%s', (expected, variables) => {
    expect(applicationUri(setupTestingDefaults({ ...variables }))).toBe(expected);
  });
});

describe('requestUri', () => {
  const spam = { SCRIPT_NAME: '/spammity', PATH_INFO: '/spam' };
  test.each([
    ...uriRows,
    ['http://127.0.0.1/spammity/spam', spam],
    ['http://127.0.0.1/spammity/sp%E4m', { ...spam, PATH_INFO: '/sp\xe4m' }],
    ['http://127.0.0.1/spammity/spam;ham', { ...spam, PATH_INFO: '/spam;ham' }],
    [
      'http://127.0.0.1/spammity/spam;cookie=1234,5678',
      { ...spam, PATH_INFO: '/spam;cookie=1234,5678' },
    ],
    ['http://127.0.0.1/spammity/spam?say=ni', { ...spam, QUERY_STRING: 'say=ni' }],
    ['http://127.0.0.1/spammity/spam?s%E4y=ni', { ...spam, QUERY_STRING: 's%E4y=ni' }],
    ['http://127.0.0.1/a%3Fb%23c%25%20', { PATH_INFO: '/a?b#c% ' }],
    ['http://127.0.0.1/x', { PATH_INFO: '/x' }],
    ['http://127.0.0.1//x', { PATH_INFO: '//x' }],
  ] as typeof uriRows)('%s', (expected, variables) => {
    expect(requestUri(setupTestingDefaults({ ...variables }))).toBe(expected);
  });

  test('without the query', () => {
    const environ = setupTestingDefaults({ ...spam, QUERY_STRING: 'say=ni' });
    expect(requestUri(environ, false)).toBe('http://127.0.0.1/spammity/spam');
  });

  test('is always a URL whose path decodes to SCRIPT_NAME + PATH_INFO', () => {
    const path = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)),
    });
    fc.assert(
      fc.property(path, path, (script, info) => {
        const variables = { SCRIPT_NAME: script && `/${script}`, PATH_INFO: `/${info}` };
        const uri = requestUri(setupTestingDefaults(variables));
        expect(uri).toMatch(/^http:\/\/127\.0\.0\.1\/[!-~]*$/);
        const raw = uri.slice('http://127.0.0.1'.length);
        const decoded = raw.replace(/%(..)/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
        expect(decoded).toBe(variables.SCRIPT_NAME + variables.PATH_INFO);
      }),
    );
  });
});

function walk(PATH_INFO: string): (string | undefined)[] {
  const environ = setupTestingDefaults({ SCRIPT_NAME: '', PATH_INFO });
  return [shiftPathInfo(environ), shiftPathInfo(environ), shiftPathInfo(environ)];
}

describe('shiftPathInfo', () => {
  test.each([
    // SCRIPT_NAME, PATH_INFO → segment, SCRIPT_NAME, PATH_INFO
    ['', '/x', 'x', '/x', ''],
    ['/', '', undefined, '/', ''],
    ['/a', '', undefined, '/a', ''],
    ['/a', '/x/y', 'x', '/a/x', '/y'],
    ['/a', '/x/', 'x', '/a/x', '/'],
    ['/a/x', '/', '', '/a/x/', ''],
    ['/a/x/', '', undefined, '/a/x/', ''],
    ['/a/b', '/../y', '..', '/a', '/y'],
    ['', '/../y', '..', '', '/y'],
    ['/a/b', '//y', 'y', '/a/b/y', ''],
    ['/a/b', '//y/', 'y', '/a/b/y', '/'],
    ['/a/b', '/./y', 'y', '/a/b/y', ''],
    ['/a/b', '/./y/', 'y', '/a/b/y', '/'],
    ['/a/b', '///./..//y/.//', '..', '/a', '/y/'],
    ['/a/b', '///', '', '/a/b/', ''],
    ['/a/b', '/.//', '', '/a/b/', ''],
    ['/a/b', '/x//', 'x', '/a/b/x', '/'],
    ['/a/b', '/.', undefined, '/a/b', ''],
    // The one row that differs: wsgiref makes SCRIPT_NAME '/' here, which its own validator refuses.
    ['', '/', '', '', ''],
  ])('%j + %j → %j', (script, path, segment, scriptAfter, pathAfter) => {
    const environ = setupTestingDefaults({ SCRIPT_NAME: script, PATH_INFO: path });
    expect(shiftPathInfo(environ)).toBe(segment);
    expect(environ.SCRIPT_NAME).toBe(scriptAfter);
    expect(environ.PATH_INFO).toBe(pathAfter);
  });

  test('/x and /x/ are told apart', () => {
    expect(walk('/x')).toEqual(['x', undefined, undefined]);
    expect(walk('/x/')).toEqual(['x', '', undefined]);
  });

  test('ends, keeps SCRIPT_NAME and PATH_INFO well formed, and never makes /', () => {
    const part = fc.constantFrom('', '.', '..', 'a', 'b c', '...');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (segments) => {
        const environ = setupTestingDefaults({
          SCRIPT_NAME: '/m',
          PATH_INFO: segments.map((segment) => `/${segment}`).join(''),
        });
        for (let steps = 0; environ.PATH_INFO !== ''; steps++) {
          expect(steps).toBeLessThan(10);
          shiftPathInfo(environ);
          expect(environ.SCRIPT_NAME).toMatch(/^(\/.+)?$/);
          expect(environ.SCRIPT_NAME).not.toBe('/');
          expect(environ.PATH_INFO).toMatch(/^(\/.*)?$/);
        }
        expect(shiftPathInfo(environ)).toBeUndefined();
      }),
    );
  });
});
