/**
 * Makes the environ of the contract from the CGI variables of a front end. Front ends differ, and this is the only place
 * where the differences are repaired. Every gateway calls it, and none repairs anything by itself.
 */

import { RequestError } from '../errors.ts';
import { isToken, parseContentLength } from '../response/headers.ts';
import type { Environ } from '../types.ts';
import { BaseEnviron } from './base-environ.ts';
import type { SignalSource, Variables } from './base-environ.ts';
import { completePath } from './path.ts';

export type { Variables } from './base-environ.ts';

/**
 * Adds one CGI variable as a front end sent it. Of several with one name the last counts, unless it stands for a
 * request header: the values of a list are joined, of a header that has one value it is the first, as under node:http.
 *
 * @param name as sent; the keys of the contract (`wsgi.…`, `postern.…`) cannot be forged through it
 * @param value a byte string
 * @throws {RequestError} with 400 for another value of a header by which programs tell what the request is, or whose
 *   (Content-Type, Content-Length, Host, Authorization)
 */
export function addVariable(environ: Variables, name: string, value: string): void {
  if (isWanted(name, value)) setVariable(environ, name, value);
}

/** {@link addVariable} for a variable for which {@link isWanted} is true. */
export function setVariable(environ: Variables, name: string, value: string): void {
  const present = valueOf(environ, name);
  if (present === undefined) setNewVariable(environ, name, value);
  else if (DECISIVE_HEADERS.has(name)) refuseConflict(name, present, value);
  else if (SINGLE_HEADERS.has(name)) return;
  else if (present === '' || !name.startsWith('HTTP_')) environ[name] = value;
  else {
    // nginx and HAProxy send a repeated header as several variables. The others join the values (RFC 9110 § 5.3).
    environ[name] = `${present}${name === 'HTTP_COOKIE' ? '; ' : ', '}${value}`;
  }
}

function valueOf(environ: Variables, name: string): string | undefined {
  if (name === 'CONTENT_LENGTH') return BaseEnviron.contentLengthOf(environ);
  if (name === 'HTTP_CONTENT_LENGTH') return BaseEnviron.headerLengthOf(environ);
  return environ[name] as string | undefined;
}

/**
 * Headers that no client sends twice. If they come twice, each program on the way may use another one: a firewall would
 * see text where the application sees JSON. RFC 9112 § 3.2 requires 400 for Host, and § 6.3 for Content-Length. Equal
 * values are allowed: the configuration of a front end may name a variable twice.
 */
const DECISIVE_HEADERS: ReadonlySet<string> = new Set([
  'CONTENT_LENGTH',
  'CONTENT_TYPE',
  'HTTP_AUTHORIZATION',
  'HTTP_CONTENT_LENGTH',
  'HTTP_HOST',
  'HTTP_PROXY_AUTHORIZATION',
]);

/** Headers with one value: the first one counts. This is the list of node:http, so that a Node listener sees the same. */
const SINGLE_HEADERS: ReadonlySet<string> = new Set([
  'HTTP_AGE',
  'HTTP_ETAG',
  'HTTP_EXPIRES',
  'HTTP_FROM',
  'HTTP_IF_MODIFIED_SINCE',
  'HTTP_IF_UNMODIFIED_SINCE',
  'HTTP_LAST_MODIFIED',
  'HTTP_LOCATION',
  'HTTP_MAX_FORWARDS',
  'HTTP_REFERER',
  'HTTP_RETRY_AFTER',
  'HTTP_SERVER',
  'HTTP_USER_AGENT',
]);

function refuseConflict(name: string, present: string, value: string): void {
  if (value === present) return;
  // The values must not be logged: one of them may be a password.
  throw new RequestError('400 Bad Request', `${name} comes with two values`);
}

/** {@link setVariable} for a variable that is not there yet. */
export function setNewVariable(environ: Variables, name: string, value: string): void {
  // It is added to the environ only when it is known to be wanted: deleting a property costs more than all of this.
  if (name === 'CONTENT_LENGTH') BaseEnviron.setContentLength(environ, value);
  else if (name === 'HTTP_CONTENT_LENGTH') BaseEnviron.setHeaderLength(environ, value);
  else environ[name] = value;
}

/** Whether {@link setNewVariable} does no more than to set a property of this name. */
export function isOrdinary(name: string): boolean {
  return name !== 'CONTENT_LENGTH' && name !== 'HTTP_CONTENT_LENGTH';
}

/** Forgets the CONTENT_LENGTH that was sent: for a request that has no body. */
export function forgetContentLength(environ: Variables): void {
  BaseEnviron.setContentLength(environ, undefined);
}

/** Whether the front end has said that there is a body. */
export function announcesBody(environ: Variables): boolean {
  return Number(BaseEnviron.contentLengthOf(environ) ?? 0) !== 0;
}

/** Whether a variable has a place in the environ. */
export function isWanted(name: string, value: string): boolean {
  if (name.startsWith('HTTP_')) {
    // Caddy sends an empty one when the client has sent none.
    return !UNWANTED_HEADERS.has(name) && (value !== '' || name !== 'HTTP_USER_AGENT');
  }
  // An empty meta-variable is the same as a missing one (RFC 3875 § 4.1). Headers may be empty.
  return value !== '' && !name.startsWith('wsgi.') && !name.startsWith('postern.');
}

const UNWANTED_HEADERS: ReadonlySet<string> = new Set([
  // "httpoxy", CVE-2016-5385: programs take HTTP_PROXY for their own proxy setting.
  'HTTP_PROXY',
  // nginx and Caddy send it in addition to CONTENT_TYPE, which alone counts (RFC 3875 § 4.1.18).
  'HTTP_CONTENT_TYPE',
  // These belong to the visitor's connection (RFC 9110 § 7.6.1). Only some front ends pass them on.
  'HTTP_CONNECTION',
  'HTTP_KEEP_ALIVE',
  'HTTP_PROXY_CONNECTION',
]);

/** Options of {@link completeEnviron}. */
export interface CompleteOptions {
  /** The mount, if the operator has given one: `''` or `/app`. */
  scriptName?: string | undefined;
}

/**
 * Repairs and completes an environ after its variables were added, so that it has everything that the contract promises.
 *
 * @returns length of the request body in bytes; -1 when it ends with the stream
 * @throws {RequestError} with 400 for an invalid REQUEST_METHOD or CONTENT_LENGTH, or one that is not the length in the
 *   header, with 411 for a body without a length
 *   in a protocol that has no other end
 */
export function completeEnviron(environ: Variables, options: CompleteOptions): number {
  completeAuthorization(environ);
  const method = environ['REQUEST_METHOD'] as string;
  if (method !== 'GET' && !isToken(method)) {
    throw new RequestError('400 Bad Request', `REQUEST_METHOD ${JSON.stringify(method)}`);
  }
  completePath(environ, options.scriptName);
  completeServer(environ);
  return completeContentLength(environ, method);
}

function completeAuthorization(environ: Variables): void {
  // Apache renames variables set before an internal redirect (mod_rewrite in .htaccess).
  if (environ['REDIRECT_HTTP_AUTHORIZATION'] !== undefined) {
    environ['HTTP_AUTHORIZATION'] ??= environ['REDIRECT_HTTP_AUTHORIZATION'];
    delete environ['REDIRECT_HTTP_AUTHORIZATION'];
  }
  // mod_fcgid's `FcgidPassHeader Authorization` adds a second variable with the header's own name.
  if (environ['Authorization'] !== undefined) {
    environ['HTTP_AUTHORIZATION'] ??= environ['Authorization'];
    delete environ['Authorization'];
  }
}

function completeServer(environ: Variables): void {
  const protocol = environ['SERVER_PROTOCOL'];
  // A server-side include has no protocol version (RFC 3875 § 4.1.16).
  if (protocol === '' || protocol === 'INCLUDED') environ['SERVER_PROTOCOL'] = 'HTTP/1.0';
  const name = environ['SERVER_NAME'] as string;
  if (name === '' || name.includes(':')) environ['SERVER_NAME'] = serverName(environ, name);
  if (environ['SERVER_PORT'] === '') environ['SERVER_PORT'] = guessPort(environ);
}

function serverName(environ: Variables, name: string): string {
  // nginx without `server_name` sends an empty name. HAProxy copies Host with its port. Caddy removes the brackets of an
  // IPv6 address (RFC 3875 § 4.1.14).
  const [given] = splitPort(name === '' ? ((environ['HTTP_HOST'] ?? '') as string) : name);
  const host = given === '' ? ((environ['SERVER_ADDR'] ?? 'localhost') as string) : given;
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

function guessPort(environ: Variables): string {
  const [, port] = splitPort((environ['HTTP_HOST'] ?? '') as string);
  return port ?? (guessScheme(environ) === 'https' ? '443' : '80');
}

/** Splits `host:port`. An IPv6 address keeps its brackets. Without brackets it has no port. */
export function splitPort(host: string): [host: string, port: string | undefined] {
  const match = /^(\[[^\]]*\]|[^:]*):(\d*)$/.exec(host);
  return match ? [match[1]!, match[2] || undefined] : [host, undefined];
}

function completeContentLength(environ: Variables, method: string): number {
  const text = BaseEnviron.contentLengthOf(environ);
  const isChunked = environ['HTTP_TRANSFER_ENCODING'] !== undefined;
  // The front end has removed the coding: the header says nothing about `wsgi.input`.
  if (isChunked) delete environ['HTTP_TRANSFER_ENCODING'];
  if (text === undefined) return isChunked && !isErrorPage(environ) ? endlessBody(environ) : 0;
  if (text === '-1' && environ['postern.gateway'] === 'fastcgi') return -1; // Caddy, for a chunked upload
  const length = parseContentLength(text);
  if (length === undefined) {
    throw new RequestError(
      '400 Bad Request',
      `CONTENT_LENGTH ${JSON.stringify(text.slice(0, 40))}`,
    );
  }
  checkHeaderLength(environ, text, length);
  if (length > 0 && isErrorPage(environ)) return 0;
  // Half of the front ends send 0 when the client has sent no Content-Length. nginx and Caddy send the header as well.
  const isSent = length > 0 || isChunked || BaseEnviron.headerLengthOf(environ) !== undefined;
  if (isSent || (method !== 'GET' && method !== 'HEAD')) environ['CONTENT_LENGTH'] = text;
  return length;
}

/**
 * nginx and Caddy send the header Content-Length as well, which cannot be told to be another one. nginx before 1.29.6 does
 * over SCGI with `scgi_request_buffering off`: CONTENT_LENGTH is what it has read so far, and the upload would be cut off
 * there, without a word. (Without CONTENT_LENGTH the front end has attached no body, RFC 3875 § 4.1.2: nginx asks so
 * for auth_request.)
 */
function checkHeaderLength(environ: Variables, text: string, length: number): void {
  const header = BaseEnviron.headerLengthOf(environ);
  if (header === undefined || header === text || parseContentLength(header) === length) return;
  throw new RequestError(
    '400 Bad Request',
    `CONTENT_LENGTH is ${text}, but the header Content-Length ${JSON.stringify(header.slice(0, 40))}`,
  );
}

/**
 * Whether the request is for the page of an error (`ErrorDocument`). Apache makes a GET of it, and leaves the length of the
 * body that the visitor has sent, which it may have read and thrown away: over SCGI and uwsgi nobody would tell its end.
 */
function isErrorPage(environ: Variables): boolean {
  const status = environ['REDIRECT_STATUS'];
  return (
    environ['REQUEST_METHOD'] === 'GET' && status !== undefined && /^[45]/.test(String(status))
  );
}

/**
 * A body without a length ends with the STDIN stream in FastCGI, and with the last chunk in HTTP. In the other protocols
 * only CONTENT_LENGTH tells the end (RFC 3875 § 4.2). Apache starts CGI programs without it all the same, and ends their
 * standard input. But it ends it in the same way when the visitor has left in the middle: part of an upload would pass for
 * the whole.
 */
function endlessBody(environ: Variables): -1 {
  const gateway = environ['postern.gateway'];
  if (gateway === 'fastcgi' || gateway === 'http') return -1;
  throw new RequestError('411 Length Required', 'a request body without CONTENT_LENGTH');
}

/** `'https'` when the HTTPS variable says `on`, `yes` or `1`, else `'http'` (as wsgiref.util.guess_scheme). */
export function guessScheme(environ: Readonly<Variables>): 'http' | 'https' {
  const https = environ['HTTPS'];
  if (https === undefined) return 'http';
  return https === 'on' || https === '1' || https === 'yes' ? 'https' : 'http';
}

/** Makes an environ without variables. */
export function createEnviron(source: SignalSource): Variables {
  return new BaseEnviron(source) as unknown as Variables;
}

/** Gives a completed environ its public type. */
export function asEnviron(environ: Variables): Environ {
  return environ as Environ;
}
