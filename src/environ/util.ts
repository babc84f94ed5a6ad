/** Functions on an environ for applications and middleware, as in wsgiref.util. */

import { posix } from 'node:path';

import { guessScheme } from './environ.ts';
import type { Variables } from './environ.ts';
import { quotePath } from '../uri/percent.ts';

function text(environ: Readonly<Variables>, name: string): string {
  return (environ[name] ?? '') as string;
}

/**
 * The URL at which the application lives: scheme, host and SCRIPT_NAME (PEP 3333, "URL Reconstruction").
 *
 * The host is what the client wrote into its Host header: fit for links back to the same client, not
 * for anything that others get to see.
 */
export function applicationUri(environ: Readonly<Variables>): string {
  const scheme = text(environ, 'wsgi.url_scheme') || guessScheme(environ);
  const host = text(environ, 'HTTP_HOST') || serverHost(environ, scheme);
  return `${scheme}://${host}${quotePath(text(environ, 'SCRIPT_NAME') || '/')}`;
}

function serverHost(environ: Readonly<Variables>, scheme: string): string {
  const name = text(environ, 'SERVER_NAME');
  const host = name.includes(':') && !name.startsWith('[') ? `[${name}]` : name;
  const port = text(environ, 'SERVER_PORT');
  const isDefault = port === '' || port === (scheme === 'https' ? '443' : '80');
  return isDefault ? host : `${host}:${port}`;
}

/**
 * The URL of the request, put together from the environ's parts, percent-encoded. (`REQUEST_URI` is
 * the path as the client wrote it; this one follows what middleware has made of it.)
 *
 * @param includeQuery whether the query string belongs to it; default true
 */
export function requestUri(environ: Readonly<Variables>, includeQuery = true): string {
  const path = quotePath(text(environ, 'PATH_INFO'));
  // Without SCRIPT_NAME, the URL of the application ends with the slash with which PATH_INFO begins.
  const rest = text(environ, 'SCRIPT_NAME') === '' ? path.slice(1) : path;
  const query = includeQuery ? text(environ, 'QUERY_STRING') : '';
  return applicationUri(environ) + rest + (query === '' ? '' : `?${query}`);
}

/**
 * Moves the next segment of PATH_INFO to the end of SCRIPT_NAME: one step of a traversal, after which
 * the environ is that of an application mounted one level deeper. Changes the environ in place.
 *
 * Empty and `.` segments are skipped. `/x` and `/x/` are kept apart: after `x` the one has nothing
 * left, the other an empty last segment. `..` is returned as it is and takes a segment off SCRIPT_NAME.
 *
 * @returns the segment, or `undefined` when nothing is left
 */
export function shiftPathInfo(environ: Variables): string | undefined {
  const [, ...segments] = text(environ, 'PATH_INFO').split('/');
  const last = segments.pop();
  if (last === undefined) return undefined;
  const rest = segments.filter((segment) => segment !== '' && segment !== '.');
  rest.push(last);
  const name = rest.shift()!;
  environ['SCRIPT_NAME'] = join(text(environ, 'SCRIPT_NAME'), name);
  environ['PATH_INFO'] = rest.length === 0 ? '' : `/${rest.join('/')}`;
  return name === '.' ? undefined : name;
}

function join(scriptName: string, name: string): string {
  const path = posix.normalize(`${scriptName}/${name}`);
  // normalize() keeps a slash at the end. It belongs there only after an empty segment, where the URL has it too. The root
  // is '' and never '/': wsgiref breaks this rule, which is its own.
  if (path === '/') return '';
  return name !== '' && path.endsWith('/') ? path.slice(0, -1) : path;
}
