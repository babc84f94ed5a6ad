/** The URL of a request for fetch handlers and Node listeners, from the environ. */

import { RequestError } from '../../errors.ts';
import { quotePath, unquotePath } from '../../uri/percent.ts';
import type { Environ } from '../../types.ts';
import { applicationUri } from '../../environ/util.ts';

/**
 * Path and query as the client sent them: `req.url` under node:http.
 *
 * If a front end or middleware has changed the path, REQUEST_URI does not match it any more. Then the target is rebuilt
 * from SCRIPT_NAME, PATH_INFO and QUERY_STRING.
 */
export function requestTarget(environ: Environ): string {
  return targetBelow(environ, '', environ.SCRIPT_NAME + environ.PATH_INFO);
}

/** {@link requestTarget} without SCRIPT_NAME: below the mount. It begins with `/`, or is `*`. */
export function localTarget(environ: Environ): string {
  return targetBelow(environ, environ.SCRIPT_NAME, environ.PATH_INFO);
}

function targetBelow(environ: Environ, mount: string, path: string): string {
  const { REQUEST_URI: uri, QUERY_STRING: query } = environ;
  if (uri === '*') return uri; // OPTIONS * (RFC 9112 § 3.2.4)
  const end = uri.indexOf('?');
  const raw = end < 0 ? uri : uri.slice(0, end);
  const sameQuery =
    end < 0 ? query === '' : uri.endsWith(query) && uri.length === end + 1 + query.length;
  if (mount === '' && raw === path && sameQuery && raw !== '') return uri;
  const rest = unquotePath(raw) === mount + path ? skipDecoded(raw, mount.length) : quotePath(path);
  const tail = sameQuery && end >= 0 ? uri.slice(end) : query === '' ? '' : `?${query}`;
  return (rest === '' ? '/' : rest) + tail;
}

/** Removes `count` bytes from the beginning of a percent-encoded path, which are one or three characters each. */
function skipDecoded(raw: string, count: number): string {
  let at = 0;
  for (let i = 0; i < count; i++) at += /^%[0-9A-Fa-f]{2}/.test(raw.slice(at, at + 3)) ? 3 : 1;
  return raw.slice(at);
}

/** `uri-host [ ":" port ]` (RFC 9110 § 7.2). With a userinfo or a slash the URL would have another host. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]+)(?::\d{0,5})?$/;
// Mostly the host is the same as in the last request: one site has few names.
let lastHost = '';
let lastOrigin = '';

/**
 * The absolute URL of a request: the scheme, the Host header, path and query as the client sent them.
 *
 * @throws {RequestError} 400 for an invalid Host header
 */
export function absoluteUrl(environ: Environ): string {
  const target = requestTarget(environ);
  // URL would take a byte above 0x7f for a character, and encode it as two bytes.
  const path = /[^\x21-\x7e]/.test(target) ? quoteBytes(target) : target;
  return origin(environ) + (path.startsWith('/') ? path : `/${path}`);
}

function quoteBytes(target: string): string {
  return target.replace(/[^\x21-\x7e]/g, quotePath);
}

function origin(environ: Environ): string {
  const host = environ.HTTP_HOST as string | undefined;
  // Without a Host header (HTTP/1.0) there is only SERVER_NAME.
  if (host === undefined || host === '') return new URL(applicationUri(environ)).origin;
  const scheme = environ['wsgi.url_scheme'];
  if (host !== lastHost || !lastOrigin.startsWith(`${scheme}:`)) {
    lastOrigin = parseOrigin(scheme, host);
    lastHost = host;
  }
  return lastOrigin;
}

function parseOrigin(scheme: string, host: string): string {
  try {
    if (HOST.test(host)) return new URL(`${scheme}://${host}`).origin;
  } catch {
    // The port is too large, or the host is invalid after percent-decoding.
  }
  throw new RequestError('400 Bad Request', `Host ${JSON.stringify(host.slice(0, 200))}`);
}
