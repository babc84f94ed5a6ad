/** Names of CGI variables for request headers (RFC 3875 § 4.1.18). */

import { isWanted } from '../../src/environ/environ.ts';
import { memoize } from '../../src/bytes.ts';

/**
 * Makes a function from the name of a header to that of its variable: `'User-Agent'` gives `'HTTP_USER_AGENT'`. `''` means
 * that the header is dropped.
 *
 * @param allowed header names with `_` that are not dropped, in any case
 */
export function createVariableNamer(allowed: readonly string[] = []): (header: string) => string {
  const allowedNames = new Set(allowed.map((name) => name.toLowerCase()));
  return memoize((header) => {
    // `X_Real_IP` would become the same variable as `X-Real-IP` (CVE-2015-0219): nginx and Apache drop it too.
    if (header.includes('_') && !allowedNames.has(header.toLowerCase())) return '';
    const name = header.toUpperCase().replaceAll('-', '_');
    if (name === 'CONTENT_TYPE' || name === 'CONTENT_LENGTH') return name;
    return isWanted(`HTTP_${name}`, 'any') ? `HTTP_${name}` : '';
  });
}

const OF_CONNECTION = /^(?:connection|keep-alive|proxy-connection|transfer-encoding)$/i;

/** Whether a header describes the connection. It has no variable, but a Node listener gets it as under node:http. */
export const isOfConnection = memoize((header: string) => OF_CONNECTION.test(header));
