/** The URL of a request, as fetch handlers and Node listeners know it, from the environ. */

import { RequestError } from '../../errors.ts';
import { quotePath, unquotePath } from '../../uri/percent.ts';
import type { Environ } from '../../types.ts';
import { applicationUri } from '../../environ/util.ts';

/**
 * Path and query as the client sent them: what `req.url` is under node:http.
 *
 * Where a front end or middleware has changed the path since, REQUEST_URI does not speak of this
 * request any more, and the target is put together from SCRIPT_NAME, PATH_INFO and QUERY_STRING.
 */
export function requestTarget(environ: Environ): string {
  return targetBelow(environ, '', environ.SCRIPT_NAME + environ.PATH_INFO);
}

/** The same below the mount: without SCRIPT_NAME. It begins with `/`, or is `*`. */
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

/** What is left of a percent-encoded path after `count` decoded bytes. */
function skipDecoded(raw: string, count: number): string {
  let at = 0;
  for (let i = 0; i < count; i++) at += /^%[0-9A-Fa-f]{2}/.test(raw.slice(at, at + 3)) ? 3 : 1;
  return raw.slice(at);
}

/** `uri-host [ ":" port ]` (RFC 9110 § 7.2). A userinfo or a slash in it would make another URL. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]+)(?::\d{0,5})?$/;
// One site has few names: mostly it is the same as before.
let lastHost = '';
let lastOrigin = '';

/**
 * The absolute URL of a request: scheme, host as the client named it, path and query as it sent them.
 *
 * @throws {RequestError} 400 for a Host header that is none
 */
export function absoluteUrl(environ: Environ): string {
  const target = requestTarget(environ);
  // Bytes above 0x7f would be taken for characters and encoded as two.
  const path = /[^\x21-\x7e]/.test(target) ? quoteBytes(target) : target;
  return origin(environ) + (path.startsWith('/') ? path : `/${path}`);
}

function quoteBytes(target: string): string {
  return target.replace(/[^\x21-\x7e]/g, quotePath);
}

function origin(environ: Environ): string {
  const host = environ.HTTP_HOST as string | undefined;
  // Without a Host header (HTTP/1.0) there is only the server's own name.
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
    // An impossible port, or a host that is no name once its %-encoding is undone.
  }
  throw new RequestError('400 Bad Request', `Host ${JSON.stringify(host.slice(0, 200))}`);
}
