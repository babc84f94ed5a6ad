/**
 * From a front end's CGI variables to the environ of the contract: the one place where what servers
 * send differently is made the same. Every gateway calls it; none repairs anything by itself.
 */

import { RequestError } from '../errors.ts';
import { isToken, parseContentLength } from '../response/headers.ts';
import { quotePath } from '../uri/percent.ts';
import type { Environ } from '../types.ts';

const WSGI_VERSION: readonly [1, 0] = Object.freeze([1, 0] as const);

/** An environ to which variables are being added, or that need not be complete. */
export type Variables = Record<string, unknown>;

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

/** {@link addVariable} for a variable of which {@link isWanted} is known already. */
export function setVariable(environ: Variables, name: string, value: string): void {
  const isLength = name === 'CONTENT_LENGTH';
  const present = isLength ? Draft.contentLengthOf(environ) : (environ[name] as string | undefined);
  if (present === undefined) setNewVariable(environ, name, value);
  else if (DECISIVE_HEADERS.has(name)) refuseOther(name, present, value);
  else if (SINGLE_HEADERS.has(name)) return;
  else if (present === '' || !name.startsWith('HTTP_')) environ[name] = value;
  else {
    // nginx and HAProxy send a repeated header as several pairs; the others join it (RFC 9110 § 5.3).
    environ[name] = `${present}${name === 'HTTP_COOKIE' ? '; ' : ', '}${value}`;
  }
}

/**
 * Headers that no client sends twice, and of which each program on the way may take another one: what a firewall lets
 * through as text would be JSON for the application. RFC 9112 § 3.2 has Host refused, and § 6.3 Content-Length. A
 * variable that a front end's configuration names twice is the same both times.
 */
const DECISIVE_HEADERS: ReadonlySet<string> = new Set([
  'CONTENT_LENGTH',
  'CONTENT_TYPE',
  'HTTP_AUTHORIZATION',
  'HTTP_HOST',
  'HTTP_PROXY_AUTHORIZATION',
]);

/** Headers with one value of which the first counts. It is node:http's list, so that a Node listener sees the same. */
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

function refuseOther(name: string, present: string, value: string): void {
  if (value === present) return;
  // The values are not for the log: one may be a password.
  throw new RequestError('400 Bad Request', `${name} comes with two values`);
}

/** {@link setVariable} for a variable that is not there yet. */
export function setNewVariable(environ: Variables, name: string, value: string): void {
  // Whether it has a place is known when all are there. To take a property out again would cost more than all of this.
  if (name === 'CONTENT_LENGTH') Draft.setContentLength(environ, value);
  else environ[name] = value;
}

/** Takes back a CONTENT_LENGTH: a request that has none although one was sent. */
export function forgetContentLength(environ: Variables): void {
  Draft.setContentLength(environ, undefined);
}

/** Whether a variable has a place in the environ. */
export function isWanted(name: string, value: string): boolean {
  if (name.startsWith('HTTP_')) {
    // Caddy has an empty one where the client has sent none.
    return !UNWANTED_HEADERS.has(name) && (value !== '' || name !== 'HTTP_USER_AGENT');
  }
  // Missing and empty meta-variables are the same (RFC 3875 § 4.1): absent. Headers may be empty.
  return value !== '' && !name.startsWith('wsgi.') && !name.startsWith('postern.');
}

const UNWANTED_HEADERS: ReadonlySet<string> = new Set([
  // "httpoxy", CVE-2016-5385: programs take it for their own proxy setting.
  'HTTP_PROXY',
  // nginx and Caddy send them beside CONTENT_TYPE and CONTENT_LENGTH, which alone count (RFC 3875 § 4.1.18).
  'HTTP_CONTENT_TYPE',
  'HTTP_CONTENT_LENGTH',
  // About the visitor's connection to the front end, which passes them on or not (RFC 9110 § 7.6.1).
  'HTTP_CONNECTION',
  'HTTP_KEEP_ALIVE',
  'HTTP_PROXY_CONNECTION',
]);

/** What {@link completeEnviron} has to know of the gateway and its options. */
export interface CompleteOptions {
  /** The mount, when the operator gave one: `''` or `/app`. */
  scriptName?: string | undefined;
}

/**
 * Repairs and completes an environ after its variables were added, so that everything the contract
 * promises is there.
 *
 * @returns length of the request body in bytes; -1 when it ends with the stream
 * @throws {RequestError} with 400 for a REQUEST_METHOD or CONTENT_LENGTH that is none, with 411 for a
 *   body of which nobody can tell where it ends
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

function completePath(environ: Variables, mount: string | undefined): void {
  let script = environ['SCRIPT_NAME'] as string;
  let path = environ['PATH_INFO'] as string;
  if (path !== '' && path.charCodeAt(0) !== SLASH) path = `/${path}`;
  if (script === '/') {
    // The root, which the contract writes as an empty SCRIPT_NAME.
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

/**
 * Splits a path again at the mount: front ends differ in where they put the border.
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
  const below =
    path.startsWith(mount) && (path.length === mount.length || path[mount.length] === '/');
  return below ? [mount, path.slice(mount.length)] : [scriptName, pathInfo];
}

/** What the client may have sent, where a front end does not tell (REQUEST_URI is no CGI standard). */
export function buildRequestUri(environ: Variables, path: string): string {
  const query = environ['QUERY_STRING'];
  return quotePath(path === '' ? '/' : path) + (query === '' ? '' : `?${query}`);
}

/** `http://host/path` (RFC 9112 § 3.2.2) as `/path`; undefined for what is no URL. */
function originForm(uri: string): string | undefined {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(uri);
  if (authority === null) return undefined;
  const rest = uri.slice(authority[0].length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function completeServer(environ: Variables): void {
  const protocol = environ['SERVER_PROTOCOL'];
  // A server-side include has no protocol of its own (RFC 3875 § 4.1.16).
  if (protocol === '' || protocol === 'INCLUDED') environ['SERVER_PROTOCOL'] = 'HTTP/1.0';
  const name = environ['SERVER_NAME'] as string;
  if (name === '' || name.includes(':')) environ['SERVER_NAME'] = serverName(environ, name);
  if (environ['SERVER_PORT'] === '') environ['SERVER_PORT'] = guessPort(environ);
}

function serverName(environ: Variables, name: string): string {
  // nginx without `server_name` tells none. HAProxy takes it from Host, port and all; Caddy takes the brackets
  // of an address off (RFC 3875 § 4.1.14).
  const [said] = splitPort(name === '' ? ((environ['HTTP_HOST'] ?? '') as string) : name);
  const host = said === '' ? ((environ['SERVER_ADDR'] ?? 'localhost') as string) : said;
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

function guessPort(environ: Variables): string {
  const [, port] = splitPort((environ['HTTP_HOST'] ?? '') as string);
  return port ?? (guessScheme(environ) === 'https' ? '443' : '80');
}

/** `host:port` in its two parts. An IPv6 address keeps its brackets, or has none and no port. */
export function splitPort(host: string): [host: string, port: string | undefined] {
  const match = /^(\[[^\]]*\]|[^:]*):(\d*)$/.exec(host);
  return match ? [match[1]!, match[2] || undefined] : [host, undefined];
}

function completeContentLength(environ: Variables, method: string): number {
  const text = Draft.contentLengthOf(environ);
  const isChunked = environ['HTTP_TRANSFER_ENCODING'] !== undefined;
  // The coding was the front end's to take off; what it was says nothing about `wsgi.input`.
  if (isChunked) delete environ['HTTP_TRANSFER_ENCODING'];
  if (text === undefined) return isChunked ? endlessBody(environ) : 0;
  if (text === '-1' && environ['postern.gateway'] === 'fastcgi') return -1; // Caddy, of a chunked upload
  const length = parseContentLength(text);
  if (length === undefined) {
    throw new RequestError(
      '400 Bad Request',
      `CONTENT_LENGTH ${JSON.stringify(text.slice(0, 40))}`,
    );
  }
  // Half of the front ends say 0 where the client said nothing.
  if (length > 0 || (method !== 'GET' && method !== 'HEAD')) environ['CONTENT_LENGTH'] = text;
  return length;
}

/**
 * A body without a length ends with its STDIN stream, or its last chunk. The other protocols have
 * nothing of the kind: CONTENT_LENGTH is the only end (RFC 3875 § 4.2), and Apache starts CGI programs
 * without one all the same.
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

/**
 * `postern.signal`, made when it is first looked at: on Node 20 an AbortSignal costs more than the rest of
 * a small request. The functions are shared by all environs on purpose: V8 keeps the pair of accessors
 * in its old generation, and functions that held a request would hold it there too.
 */
const SIGNAL: PropertyDescriptor & ThisType<Variables> = {
  get() {
    return Draft.sourceOf(this).signal;
  },
  // Middleware may put its own in place.
  set(signal: AbortSignal) {
    // All of it: an environ that inherits from this one has none that it could keep.
    Object.defineProperty(this, 'postern.signal', {
      value: signal,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  },
  enumerable: true,
  configurable: true,
};

interface SignalSource {
  readonly signal: AbortSignal;
}

/**
 * An object without a prototype, made so before it has any property: V8 then lays it out like any instance of a class.
 * Of `{ __proto__: null }` it makes a hash table, which takes twice as long to fill and to go through; and to take a
 * prototype away later takes longer than all that, each time.
 */
// eslint-disable-next-line no-extraneous-class -- fields are there before the rest of their own class's constructor
class WithoutPrototype {
  constructor() {
    Object.setPrototypeOf(this, null);
  }
}

/** What every environ has, as of a request that tells nothing of itself. */
class Draft extends WithoutPrototype {
  REQUEST_METHOD = 'GET';
  SCRIPT_NAME = '';
  PATH_INFO = '';
  QUERY_STRING = '';
  REQUEST_URI = '';
  SERVER_NAME = '';
  SERVER_PORT = '';
  SERVER_PROTOCOL = '';
  'wsgi.version' = WSGI_VERSION;
  'wsgi.url_scheme' = 'http';
  'wsgi.input' = undefined;
  'wsgi.errors' = undefined;
  'wsgi.multithread' = false;
  'wsgi.multiprocess' = false;
  'wsgi.run_once' = false;
  'wsgi.file_wrapper' = undefined;
  'postern.gateway' = undefined;
  'postern.role' = 'responder';
  // Not to be seen by anyone who lists an environ.
  readonly #source: SignalSource;
  #contentLength: string | undefined; // as sent

  constructor(source: SignalSource) {
    super();
    this.#source = source;
    Object.defineProperty(this, 'postern.signal', SIGNAL);
  }

  /** @param environ one that was made of a draft, or inherits from one */
  static sourceOf(environ: object): SignalSource {
    let own = environ;
    while (!(#source in own)) own = Object.getPrototypeOf(own) as object;
    return own.#source;
  }

  static setContentLength(environ: Variables, text: string | undefined): void {
    (environ as unknown as Draft).#contentLength = text;
  }

  static contentLengthOf(environ: Variables): string | undefined {
    return (environ as unknown as Draft).#contentLength;
  }
}

/** An environ to which variables are to be added. */
export function createEnviron(source: SignalSource): Variables {
  return new Draft(source) as unknown as Variables;
}

/** The finished environ under its public type. */
export function asEnviron(environ: Variables): Environ {
  return environ as Environ;
}
