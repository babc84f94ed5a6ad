/** Request headers out of an environ, for the interfaces that want them as headers again. */

import { InputStream } from '../../handler/input.ts';
import { isToken } from '../../response/headers.ts';
import { memoize } from '../../bytes.ts';
import type { Environ } from '../../types.ts';

/** Both spellings of a header's name. */
export interface HeaderName {
  /** `accept-encoding` */
  lower: string;
  /** `Accept-Encoding`: how the client wrote it is not known any more. */
  canonical: string;
}

/** The header that a variable stands for; null when it is none. */
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
 * A body whose length is not known (a chunked upload that the front end streams) has neither of the
 * two headers by which applications know that there is one; it gets `Transfer-Encoding: chunked` back.
 */
export function forEachHeader(
  environ: Environ,
  add: (name: HeaderName, value: string) => void,
): void {
  let isFramed = environ.CONTENT_LENGTH !== undefined;
  for (const variable in environ) {
    const first = variable.charCodeAt(0);
    if (first !== UPPER_H && first !== UPPER_C) continue; // most of them are no header's
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

/** Whether the request has a body, be it of unknown length. */
export function hasBody(environ: Environ): boolean {
  const length = environ.CONTENT_LENGTH;
  if (length !== undefined) return Number(length) > 0;
  const input = environ['wsgi.input'];
  return input instanceof InputStream && !input.complete;
}
