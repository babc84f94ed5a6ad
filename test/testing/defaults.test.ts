/** setup_testing_defaults of wsgiref.util, with the rows of CPython's own test/test_wsgiref.py. */

import { describe, expect, test } from 'vitest';

import { setupTestingDefaults } from '../../src/testing/defaults.ts';
import { validator } from '../../src/validate/validator.ts';

describe('setupTestingDefaults', () => {
  test.each([
    ['SERVER_NAME', '127.0.0.1'],
    ['SERVER_PORT', '80'],
    ['SERVER_PROTOCOL', 'HTTP/1.0'],
    ['HTTP_HOST', '127.0.0.1'],
    ['REQUEST_METHOD', 'GET'],
    ['REQUEST_URI', '/'],
    ['QUERY_STRING', ''],
    ['SCRIPT_NAME', ''],
    ['PATH_INFO', '/'],
    ['wsgi.version', [1, 0]],
    ['wsgi.run_once', false],
    ['wsgi.multithread', false],
    ['wsgi.multiprocess', false],
    ['wsgi.url_scheme', 'http'],
  ])('%s is %j, and is not overwritten', (name, value) => {
    expect(setupTestingDefaults({})[name]).toEqual(value);
    expect(setupTestingDefaults({ [name]: undefined })[name]).toBeUndefined();
    expect(setupTestingDefaults({ [name]: 'mine' })[name]).toBe('mine');
  });

  test.each([
    ['HTTP_HOST', 'foo.bar', { SERVER_NAME: 'foo.bar' }],
    ['wsgi.url_scheme', 'https', { HTTPS: 'on' }],
    ['wsgi.url_scheme', 'http', { HTTPS: 'foo' }],
    ['SERVER_PORT', '80', { HTTPS: 'foo' }],
    ['SERVER_PORT', '443', { HTTPS: 'on' }],
    ['PATH_INFO', '', { SCRIPT_NAME: '/app' }],
    ['REQUEST_URI', '/app/a%20b?q', { SCRIPT_NAME: '/app', PATH_INFO: '/a b', QUERY_STRING: 'q' }],
  ] as [string, string, Record<string, unknown>][])('%s is %j for %j', (name, value, given) => {
    expect(setupTestingDefaults({ ...given })[name]).toBe(value);
  });

  test('changes the object it is given, and returns it', () => {
    const environ = {};
    expect(setupTestingDefaults(environ)).toBe(environ);
  });

  test('makes an environ with which the validator is content', async () => {
    const app = validator(async (environ, startResponse) => {
      expect(await environ['wsgi.input'].read()).toHaveLength(0);
      environ['wsgi.errors'].write('said');
      startResponse('204 No Content', []);
      return [];
    });
    const body = await app(setupTestingDefaults({}), () => () => undefined);
    body.close?.();
  });
});
