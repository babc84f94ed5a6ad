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
 *
 * Front ends also merge `//` and resolve dots before they judge a path: `/proxy/https://x` is `/proxy/https:/x` in
 * PATH_INFO. There REQUEST_URI is right, but only where it names what the front end has judged ({@link mergedBelow}).
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
  const rest = rawBelow(raw, mount, path) ?? quotePath(path);
  const tail = sameQuery && end >= 0 ? uri.slice(end) : query === '' ? '' : `?${query}`;
  return (rest === '' ? '/' : rest) + tail;
}

/** The part of a percent-encoded path below the mount; undefined if it is another path. */
function rawBelow(raw: string, mount: string, path: string): string | undefined {
  const decoded = unquotePath(raw);
  const rest =
    decoded === mount + path
      ? skipDecoded(raw, mount.length)
      : mergedBelow(raw, decoded, mount, path);
  // The slash behind the mount may be `%2F`, which frameworks do not take for one.
  return rest === undefined || rest === '' || rest.startsWith('/') ? rest : undefined;
}

/**
 * The same for a path that the front end has merged: the two differ in nothing but empty and `.` segments.
 *
 * A visitor must not get around the front end's access rules, which were asked about the merged path. So every beginning
 * of the result, without its empty and `.` segments, has to be a beginning of that:
 * - `..` is not resolved here, so that a path in which the front end has resolved it is another one. Of `/admin/../public`
 *   it has judged `/public`, and a router would find `/admin`.
 * - Empty and `.` segments at the beginning are left out. `new URL('//x/admin', base)`, as applications read req.url,
 *   has the path `/admin`.
 */
function mergedBelow(
  raw: string,
  decoded: string,
  mount: string,
  path: string,
): string | undefined {
  const segments = decoded.split('/');
  if (segments[0] !== '') return undefined;
  if (mergeSegments(segments) !== mergeSegments((mount + path).split('/'))) return undefined;
  let at = 0; // behind the mount, then at the slash before the first segment that is not left out
  for (let left = mount.split('/').filter(isKept).length; left > 0;) {
    const end = segmentEnd(decoded, at);
    if (isKept(decoded.slice(at + 1, end))) left--;
    at = end;
  }
  while (at < decoded.length && !isKept(decoded.slice(at + 1, segmentEnd(decoded, at)))) {
    at = segmentEnd(decoded, at);
  }
  return path === '' ? '' : at < decoded.length ? skipDecoded(raw, at) : '/';
}

/** Removes empty and `.` segments, as front ends do. A slash at the end stays. */
function mergeSegments(segments: readonly string[]): string {
  return [...segments.filter(isKept), isKept(segments.at(-1)!) ? '.' : '/'].join('/');
}

function isKept(segment: string): boolean {
  return segment !== '' && segment !== '.';
}

/** Where the segment behind the slash at `at` ends. */
function segmentEnd(path: string, at: number): number {
  const end = path.indexOf('/', at + 1);
  return end < 0 ? path.length : end;
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
