/** Request targets (RFC 9112 § 3.2). Pure functions. */

import { RequestError } from '../../src/errors.ts';

/** The parts of a request target. */
export interface Target {
  /** REQUEST_URI: path and query as sent, or `*`. */
  uri: string;
  /** PATH_INFO: decoded, a byte string; `''` for `*`. */
  path: string;
  /** QUERY_STRING: as sent, without `?`. */
  query: string;
  /** Host and port of a target in absolute form. They replace the Host header (RFC 9112 § 3.2.2). */
  authority: string | undefined;
}

const SLASH = 0x2f;

/**
 * Parses a request target.
 *
 * @throws {RequestError} with 400 for an invalid target, and for a path that cannot be decoded
 */
export function parseTarget(method: string, target: string): Target {
  if (target.charCodeAt(0) === SLASH) return parseOrigin(target, undefined);
  if (target === '*' && method === 'OPTIONS') {
    return { uri: '*', path: '', query: '', authority: undefined };
  }
  const absolute = /^https?:\/\/([^/?#]+)(.*)$/is.exec(target);
  if (absolute === null) throw badTarget(target, 'is neither a path nor a URL');
  const rest = absolute[2]!;
  return parseOrigin(rest.startsWith('/') ? rest : `/${rest}`, absolute[1]);
}

function parseOrigin(uri: string, authority: string | undefined): Target {
  // RFC 9110 § 7.1: clients do not send fragments. One that does is faulty.
  if (uri.includes('#')) throw badTarget(uri, 'has a fragment');
  const question = uri.indexOf('?');
  const path = question < 0 ? uri : uri.slice(0, question);
  const query = question < 0 ? '' : uri.slice(question + 1);
  return { uri, path: path.includes('%') ? decodePath(path) : path, query, authority };
}

/**
 * Decodes `%XX` to the byte XX, once. A bad escape is refused, as nginx, Apache and Caddy do: programs would not agree on
 * its meaning. `%00` is refused because no CGI variable can hold it.
 */
function decodePath(path: string): string {
  return path.replace(/%(.?.?)/gs, (_escape, digits: string) => {
    if (!/^[0-9A-Fa-f]{2}$/.test(digits)) throw badTarget(path, 'has a bad escape');
    const byte = Number.parseInt(digits, 16);
    if (byte === 0) throw badTarget(path, 'has a NUL');
    return String.fromCharCode(byte);
  });
}

function badTarget(target: string, why: string): RequestError {
  const shown = JSON.stringify(target.length > 100 ? `${target.slice(0, 100)}…` : target);
  return new RequestError('400 Bad Request', `request target ${shown} ${why}`);
}
