/** What the roles other than the responder's ask for in the environ (§ 6.3, § 6.4). */

import { forgetContentLength } from '../../src/environ/environ.ts';
import type { Variables } from '../../src/environ/environ.ts';
import { RequestError } from '../../src/errors.ts';
import { parseContentLength } from '../../src/response/headers.ts';
import type { InputStream } from '../../src/handler/input.ts';

/**
 * An authorizer judges a request before it is known what will answer it, and gets no body (§ 6.3). Front ends
 * send these variables all the same, as they would be for a responder.
 */
export function forgetResource(environ: Variables): void {
  environ['SCRIPT_NAME'] = environ['PATH_INFO'] = '';
  delete environ['PATH_TRANSLATED'];
  forgetContentLength(environ);
}

/**
 * Bytes of the file that a filter works on (§ 6.4); -1 when they end with the stream.
 *
 * @throws {RequestError} when FCGI_DATA_LENGTH is no number
 */
export function dataLength(environ: Variables): number {
  const text = environ['FCGI_DATA_LENGTH'] as string | undefined;
  const length = text === undefined ? -1 : parseContentLength(text);
  if (length === undefined) {
    const shown = JSON.stringify(text!.slice(0, 40));
    throw new RequestError('400 Bad Request', `FCGI_DATA_LENGTH ${shown}`);
  }
  return length;
}

/** Lets reads of that file fail when the request has been given up. */
export function abortWith(data: InputStream, signal: AbortSignal): InputStream {
  signal.addEventListener('abort', () => data.destroy(signal.reason as Error), { once: true });
  return data;
}
