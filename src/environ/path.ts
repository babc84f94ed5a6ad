/** SCRIPT_NAME, PATH_INFO and REQUEST_URI: where the application is, and what was asked of it. */

import { RequestError } from '../errors.ts';
import { isHost } from '../uri/host.ts';
import { quotePath } from '../uri/percent.ts';
import type { Variables } from './base-environ.ts';

/** Completes SCRIPT_NAME, PATH_INFO and REQUEST_URI. @param mount as the `scriptName` option */
export function completePath(environ: Variables, mount: string | undefined): void {
  let script = environ['SCRIPT_NAME'] as string;
  let path = environ['PATH_INFO'] as string;
  if (path !== '' && path.charCodeAt(0) !== SLASH) path = absolutePath(environ, path);
  // In a server-side include Apache adds PATH_INFO to SCRIPT_NAME (`ap_add_cgi_vars`).
  if (environ['SERVER_PROTOCOL'] === 'INCLUDED' && script.endsWith(path)) {
    script = script.slice(0, script.length - path.length);
  }
  if (script === '/') {
    // The root: in the contract its SCRIPT_NAME is empty.
    script = '';
    if (path === '') path = '/';
  } else if (script !== '' && script.charCodeAt(0) !== SLASH) {
    script = `/${script}`;
  }
  if (mount !== undefined) [script, path] = remount(script, path, mount);
  environ['SCRIPT_NAME'] = script;
  environ['PATH_INFO'] = path;
  const uri = environ['REQUEST_URI'] as string;
  if (uri.charCodeAt(0) === SLASH || uri === '*') return;
  environ['REQUEST_URI'] = originForm(uri) ?? buildRequestUri(environ, script + path);
}

const SLASH = 0x2f;

/** PATH_INFO with a slash at its beginning. */
function absolutePath(environ: Variables, path: string): string {
  const rest = originForm(path);
  const [, host] = ABSOLUTE.exec(environ['REQUEST_URI'] as string) ?? [];
  if (rest === undefined || host === undefined) return `/${path}`;
  // uWSGI's router takes a target in absolute form for the path, and passes Host on, which counts less (RFC 9112 § 3.2.2).
  if (!isHost(host)) {
    const shown = JSON.stringify(host.slice(0, 200));
    throw new RequestError('400 Bad Request', `invalid host ${shown} in REQUEST_URI`);
  }
  environ['HTTP_HOST'] = host;
  return rest;
}

/**
 * Splits a path into SCRIPT_NAME and PATH_INFO at the mount: front ends split it at different places.
 *
 * @param mount `''` or `/prefix`
 * @returns SCRIPT_NAME and PATH_INFO; unchanged when the path does not lie below the mount
 */
export function remount(
  scriptName: string,
  pathInfo: string,
  mount: string,
): [scriptName: string, pathInfo: string] {
  const path = scriptName + pathInfo;
  return isBelow(path, mount) ? [mount, path.slice(mount.length)] : [scriptName, pathInfo];
}

/** Whether a path begins with a mount, at the border of a segment. */
export function isBelow(path: string, mount: string): boolean {
  return path.startsWith(mount) && (path.length === mount.length || path[mount.length] === '/');
}

/** Rebuilds REQUEST_URI for a front end that does not send it: it is not a variable of RFC 3875. */
export function buildRequestUri(environ: Variables, path: string): string {
  const query = environ['QUERY_STRING'];
  return quotePath(path === '' ? '/' : path) + (query === '' ? '' : `?${query}`);
}

/** The origin form of an absolute URL (RFC 9112 § 3.2): `/path` of `http://host/path`. Undefined if it is not a URL. */
function originForm(uri: string): string | undefined {
  const authority = ABSOLUTE.exec(uri);
  if (authority === null) return undefined;
  const rest = uri.slice(authority[0].length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** Scheme and authority of an absolute URL. */
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i;
