/** What the validator says of environs. */

import { describe, expect, test, vi } from 'vitest';

import { setupTestingDefaults, validator } from '../../src/index.ts';
import type { Environ, ValidationRule } from '../../src/index.ts';
import { HELLO, environWith, hello, serve, startNothing, unchecked, violates } from './kit.ts';

describe('environ', () => {
  test.each([
    ['environ.type', null, null],
    ['environ.type', 'a string', 'a string'],
    ['environ.type', [], []],
    ['environ.type', new Map(), new Map()],
  ] as [ValidationRule, unknown, unknown][])('%s: %o', (rule, environ, value) =>
    violates(rule, value, () => validator(hello)(unchecked(environ), startNothing)),
  );

  test.each([
    'REQUEST_METHOD',
    'SCRIPT_NAME',
    'PATH_INFO',
    'QUERY_STRING',
    'REQUEST_URI',
    'SERVER_NAME',
    'SERVER_PORT',
    'SERVER_PROTOCOL',
    'wsgi.version',
    'wsgi.url_scheme',
    'wsgi.input',
    'wsgi.errors',
    'wsgi.multithread',
    'wsgi.multiprocess',
    'wsgi.run_once',
    'wsgi.file_wrapper',
    'postern.gateway',
    'postern.role',
    'postern.signal',
  ])('without %s', async (name) => {
    const environ: Record<string, unknown> = environWith();
    delete environ[name];
    await violates('environ.missing', name, () => serve(hello, environ as Environ));
  });

  test.each([
    ['environ.forbidden', 'HTTP_CONTENT_TYPE', 'text/plain', 'HTTP_CONTENT_TYPE'],
    ['environ.forbidden', 'HTTP_CONTENT_LENGTH', '1', 'HTTP_CONTENT_LENGTH'],
    ['environ.forbidden', 'HTTP_PROXY', 'http://evil', 'HTTP_PROXY'],
    ['environ.string', 'REMOTE_USER', undefined],
    ['environ.string', 'REMOTE_USER', null],
    ['environ.string', 'SERVER_PORT', 80],
    ['environ.string', 'CONTENT_LENGTH', 5],
    ['environ.string', 'HTTP_ACCEPT', ['a', 'b']],
    ['environ.string', 'PATH_INFO', '/\u0100'],
    ['environ.method', 'REQUEST_METHOD', ''],
    ['environ.method', 'REQUEST_METHOD', 'GET /'],
    ['environ.script-name', 'SCRIPT_NAME', '/'],
    ['environ.script-name', 'SCRIPT_NAME', 'app'],
    ['environ.path-info', 'PATH_INFO', 'x'],
    ['environ.request-uri', 'REQUEST_URI', ''],
    ['environ.request-uri', 'REQUEST_URI', 'http://host/'],
    ['environ.request-uri', 'REQUEST_URI', '*'],
    ['environ.server', 'SERVER_NAME', ''],
    ['environ.server', 'SERVER_PORT', ''],
    ['environ.server', 'SERVER_PORT', 'http'],
    ['environ.server', 'SERVER_PROTOCOL', 'INCLUDED'],
    ['environ.content-length', 'CONTENT_LENGTH', ''],
    ['environ.content-length', 'CONTENT_LENGTH', '-1'],
    ['environ.content-length', 'CONTENT_LENGTH', '1e3'],
    ['environ.version', 'wsgi.version', '1.0'],
    ['environ.version', 'wsgi.version', [1, 1]],
    ['environ.version', 'wsgi.version', [1, 0, 0]],
    ['environ.scheme', 'wsgi.url_scheme', 'ftp'],
    ['environ.flag', 'wsgi.multithread', 0],
    ['environ.flag', 'wsgi.multiprocess', 'no'],
    ['environ.flag', 'wsgi.run_once', undefined],
    ['environ.file-wrapper', 'wsgi.file_wrapper', null],
    ['environ.postern', 'postern.gateway', undefined],
    ['environ.postern', 'postern.gateway', ''],
    ['environ.postern', 'postern.gateway', 'two words'],
    ['environ.postern', 'postern.role', 'client'],
    ['environ.postern', 'postern.signal', null],
    ['input.methods', 'wsgi.input', null],
    ['errors.methods', 'wsgi.errors', 'stderr'],
  ] as [ValidationRule, string, unknown, unknown?][])('%s: %s = %j', (rule, name, given, value) =>
    violates(rule, value ?? given, () => serve(hello, environWith({ [name]: given }))),
  );

  test.each([
    { SCRIPT_NAME: '/app', PATH_INFO: '' },
    { REQUEST_METHOD: 'OPTIONS', REQUEST_URI: '*', PATH_INFO: '' },
    { REQUEST_METHOD: 'CONNECT', REQUEST_URI: 'example.org:443', PATH_INFO: '' },
    { REQUEST_METHOD: 'X-OWN' },
    { SERVER_PROTOCOL: 'HTTP/2.0' },
    { SERVER_PROTOCOL: 'HTTP/3' },
    { CONTENT_LENGTH: '0' },
    { HTTP_X: '\xff\t\x01' },
    { 'my.extension': null },
    { 'wsgi.url_scheme': 'https' },
  ])('keeps the rules: %j', async (variables) => {
    expect(await serve(hello, environWith(variables))).toEqual(HELLO);
  });

  test('one without a prototype, whose signal is left alone', async () => {
    const environ = Object.create(null) as Record<string, unknown>;
    setupTestingDefaults(environ);
    const signal = vi.fn<() => AbortSignal>(() => new AbortController().signal);
    Object.defineProperty(environ, 'postern.signal', { get: signal });
    await serve(hello, environ as Environ);
    expect(signal).not.toHaveBeenCalled();
  });
});
