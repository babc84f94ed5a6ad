/** An environ for tests: wsgiref.util's setup_testing_defaults. */

import { guessScheme } from '../environ/environ.ts';
import { buildRequestUri } from '../environ/path.ts';
import { InputStream } from '../input/input-stream.ts';
import { writeTo } from '../handler/stream-handler.ts';
import { FileWrapper } from '../response/file-wrapper.ts';
import type { Environ } from '../types.ts';

/**
 * Adds to an environ whatever the contract asks for and is not there yet, with trivial values; what
 * is there stays, even if it is `undefined`. For tests of applications and middleware alone: the
 * data is fake.
 *
 * @returns the same object
 */
export function setupTestingDefaults(environ: Record<string, unknown>): Environ {
  const setDefault = (name: string, value: unknown): void => {
    if (!(name in environ)) environ[name] = value;
  };
  setDefault('SERVER_NAME', '127.0.0.1');
  setDefault('SERVER_PROTOCOL', 'HTTP/1.0');
  setDefault('HTTP_HOST', environ['SERVER_NAME']);
  setDefault('REQUEST_METHOD', 'GET');
  setDefault('PATH_INFO', 'SCRIPT_NAME' in environ ? '' : '/');
  setDefault('SCRIPT_NAME', '');
  setDefault('QUERY_STRING', '');
  setDefault('wsgi.url_scheme', guessScheme(environ));
  setDefault('SERVER_PORT', environ['wsgi.url_scheme'] === 'https' ? '443' : '80');
  setDefault(
    'REQUEST_URI',
    buildRequestUri(
      environ,
      String(environ['SCRIPT_NAME'] ?? '') + String(environ['PATH_INFO'] ?? ''),
    ),
  );
  setDefault('wsgi.version', [1, 0]);
  setDefault('wsgi.input', new InputStream(0));
  setDefault(
    'wsgi.errors',
    writeTo(() => {}),
  );
  setDefault('wsgi.multithread', false);
  setDefault('wsgi.multiprocess', false);
  setDefault('wsgi.run_once', false);
  setDefault('wsgi.file_wrapper', FileWrapper);
  setDefault('postern.gateway', 'http');
  setDefault('postern.role', 'responder');
  setDefault('postern.signal', new AbortController().signal);
  return environ as Environ;
}
