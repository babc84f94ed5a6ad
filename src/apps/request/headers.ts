/** Makes request headers from an environ again, for fetch handlers and Node listeners. */

import { InputStream } from '../../input/input-stream.ts';
import { isToken } from '../../response/headers.ts';
import { memoize } from '../../bytes.ts';
import type { Environ } from '../../types.ts';

/** Both spellings of a header's name. */
export interface HeaderName {
  /** `accept-encoding` */
  lower: string;
  /** `Accept-Encoding`. The spelling of the client is lost. */
  canonical: string;
}

/** The header of a variable; null when the variable is not a header. */
export const headerNameOf = memoize((variable: string): HeaderName | null => {
  const isContent = variable === 'CONTENT_TYPE' || variable === 'CONTENT_LENGTH';
  if (!isContent && !variable.startsWith('HTTP_')) return null;
  const lower = (isContent ? variable : variable.slice(5)).toLowerCase().replaceAll('_', '-');
  if (!isToken(lower)) return null;
  return { lower, canonical: lower.replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase()) };
});

/**
 * Calls `add` for each request header.
 *
 * For a body of unknown length (a chunked upload that the front end streams) it adds `Transfer-Encoding: chunked` again:
 * without it, nor Content-Length, an application could not see that there is a body.
 */
export function forEachHeader(
  environ: Environ,
  add: (name: HeaderName, value: string) => void,
): void {
  let isFramed = environ.CONTENT_LENGTH !== undefined;
  for (const variable in environ) {
    const first = variable.charCodeAt(0);
    if (first !== UPPER_H && first !== UPPER_C) continue; // most variables are not headers
    const name = headerNameOf(variable);
    if (name === null) continue;
    const value = environ[variable];
    if (typeof value !== 'string') continue;
    if (name === TRANSFER_ENCODING) isFramed = true;
    add(name, value);
  }
  if (!isFramed && hasBody(environ)) add(TRANSFER_ENCODING, 'chunked');
}

const UPPER_C = 0x43; // as in CONTENT_TYPE
const UPPER_H = 0x48; // as in HTTP_HOST
const TRANSFER_ENCODING = headerNameOf('HTTP_TRANSFER_ENCODING')!;

/** Whether the request has a body, of known or unknown length. */
export function hasBody(environ: Environ): boolean {
  const length = environ.CONTENT_LENGTH;
  if (length !== undefined) return Number(length) > 0;
  return isIncomplete(environ);
}

/** Whether a part of the request body has not come yet. */
export function isIncomplete(environ: Environ): boolean {
  const input = environ['wsgi.input'];
  return input instanceof InputStream && !input.complete;
}
