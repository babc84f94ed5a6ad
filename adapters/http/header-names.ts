/** From names of request headers to those of CGI variables (RFC 3875 § 4.1.18). */

import { isWanted } from '../../src/environ/environ.ts';
import { memoize } from '../../src/bytes.ts';

/**
 * Makes the function that tells the variable of a header, `'HTTP_USER_AGENT'` for `'User-Agent'`, or `''` when it is to
 * be dropped.
 *
 * @param allowed names with `_` that are let through, in any case
 */
export function nameVariables(allowed: readonly string[] = []): (header: string) => string {
  const allowedNames = new Set(allowed.map((name) => name.toLowerCase()));
  return memoize((header) => {
    // `X_Real_IP` would become the same variable as `X-Real-IP` (CVE-2015-0219): nginx and Apache drop it too.
    if (header.includes('_') && !allowedNames.has(header.toLowerCase())) return '';
    const name = header.toUpperCase().replaceAll('-', '_');
    if (name === 'CONTENT_TYPE' || name === 'CONTENT_LENGTH') return name;
    return isWanted(`HTTP_${name}`, 'any') ? `HTTP_${name}` : '';
  });
}
