/** The environ of authorizers (§ 6.3) and filters (§ 6.4). */

import { forgetContentLength } from '../../src/environ/environ.ts';
import type { Variables } from '../../src/environ/environ.ts';
import { RequestError } from '../../src/errors.ts';
import { parseContentLength } from '../../src/response/headers.ts';
import type { InputStream } from '../../src/input/input-stream.ts';

/**
 * Deletes the variables that an authorizer must not get (§ 6.3). Front ends send them all the same, with the values that
 * they have for a responder.
 */
export function deleteResourceVariables(environ: Variables): void {
  environ['SCRIPT_NAME'] = environ['PATH_INFO'] = '';
  delete environ['PATH_TRANSLATED'];
  forgetContentLength(environ);
}

/**
 * Bytes of the file that a filter processes (§ 6.4); -1 when only the end of the stream tells.
 *
 * @throws {RequestError} when FCGI_DATA_LENGTH is not a number
 */
export function dataLength(environ: Variables): number {
  const text = environ['FCGI_DATA_LENGTH'] as string | undefined;
  const length = text === undefined ? -1 : parseContentLength(text);
  if (length === undefined) {
    const shown = JSON.stringify(text!.slice(0, 40));
    throw new RequestError('400 Bad Request', `FCGI_DATA_LENGTH is not a number: ${shown}`);
  }
  return length;
}

/** Makes reads of that file fail when the request is aborted. */
export function destroyOnAbort(data: InputStream, signal: AbortSignal): InputStream {
  signal.addEventListener('abort', () => data.destroy(signal.reason as Error), { once: true });
  return data;
}
