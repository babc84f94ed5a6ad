/** Checks the environ that a gateway has made. */

import { isToken, parseContentLength } from '../response/headers.ts';
import { check } from './rules.ts';

type Vars = Readonly<Record<string, unknown>>;

const CGI_VARIABLES = [
  'REQUEST_METHOD',
  'SCRIPT_NAME',
  'PATH_INFO',
  'QUERY_STRING',
  'REQUEST_URI',
  'SERVER_NAME',
  'SERVER_PORT',
  'SERVER_PROTOCOL',
];
const FLAGS = ['wsgi.multithread', 'wsgi.multiprocess', 'wsgi.run_once'];
const REQUIRED = [
  ...CGI_VARIABLES,
  ...FLAGS,
  'wsgi.version',
  'wsgi.url_scheme',
  'wsgi.input',
  'wsgi.errors',
  'wsgi.file_wrapper',
  'postern.gateway',
  'postern.role',
  'postern.signal',
];
const FORBIDDEN = ['HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH', 'HTTP_PROXY'];
const ROLES = ['responder', 'authorizer', 'filter'];

/** @throws {ValidationError} for the first variable that breaks a rule. `wsgi.input` and `wsgi.errors` are in streams.ts */
export function checkEnviron(environ: unknown): asserts environ is Record<string, unknown> {
  check(isPlainObject(environ), 'environ.type', environ);
  for (const name of REQUIRED) check(name in environ, 'environ.missing', name);
  for (const name of FORBIDDEN) check(!(name in environ), 'environ.forbidden', name);
  checkStrings(environ);
  checkRequest(environ);
  checkServer(environ);
  checkWsgi(environ);
  checkPostern(environ);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (value === null || typeof value !== 'object') return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function checkStrings(environ: Vars): void {
  for (const name of Object.keys(environ)) {
    // A name with a dot is an extension, which may have any type.
    if (name.includes('.')) continue;
    const value = environ[name];
    check(typeof value === 'string', 'environ.string', value, `${name} is not a string`);
    check(!/[^\0-\xff]/.test(value), 'environ.string', value, `${name} has code units above 0xff`);
  }
}

function checkRequest(environ: Vars): void {
  const { REQUEST_METHOD, SCRIPT_NAME, PATH_INFO, REQUEST_URI, CONTENT_LENGTH } = environ as Record<
    string,
    string
  >;
  check(isToken(REQUEST_METHOD!), 'environ.method', REQUEST_METHOD);
  check(
    SCRIPT_NAME === '' || (SCRIPT_NAME!.startsWith('/') && SCRIPT_NAME !== '/'),
    'environ.script-name',
    SCRIPT_NAME,
  );
  check(PATH_INFO === '' || PATH_INFO!.startsWith('/'), 'environ.path-info', PATH_INFO);
  // The target of OPTIONS may be '*', that of CONNECT is a host (RFC 9112 § 3.2).
  const other = REQUEST_METHOD === 'OPTIONS' || REQUEST_METHOD === 'CONNECT';
  check(other || REQUEST_URI!.startsWith('/'), 'environ.request-uri', REQUEST_URI);
  if (CONTENT_LENGTH === undefined) return;
  check(parseContentLength(CONTENT_LENGTH) !== undefined, 'environ.content-length', CONTENT_LENGTH);
}

function checkServer(environ: Vars): void {
  const { SERVER_NAME, SERVER_PORT, SERVER_PROTOCOL } = environ as Record<string, string>;
  check(SERVER_NAME !== '', 'environ.server', SERVER_NAME, 'SERVER_NAME');
  check(/^\d{1,5}$/.test(SERVER_PORT!), 'environ.server', SERVER_PORT, 'SERVER_PORT');
  const isProtocol = /^[A-Za-z][^/\s]*\/\d+(\.\d+)?$/.test(SERVER_PROTOCOL!);
  check(isProtocol, 'environ.server', SERVER_PROTOCOL, 'SERVER_PROTOCOL');
}

function checkWsgi(environ: Vars): void {
  const version = environ['wsgi.version'];
  const isVersion = Array.isArray(version) && version.length === 2;
  check(isVersion && version[0] === 1 && version[1] === 0, 'environ.version', version);
  const scheme = environ['wsgi.url_scheme'];
  check(scheme === 'http' || scheme === 'https', 'environ.scheme', scheme);
  for (const name of FLAGS) {
    check(typeof environ[name] === 'boolean', 'environ.flag', environ[name], name);
  }
  const wrapper = environ['wsgi.file_wrapper'];
  check(typeof wrapper === 'function', 'environ.file-wrapper', wrapper);
}

function checkPostern(environ: Vars): void {
  const { 'postern.gateway': gateway, 'postern.role': role } = environ;
  const isName = typeof gateway === 'string' && isToken(gateway);
  check(isName, 'environ.postern', gateway, 'postern.gateway');
  check(ROLES.includes(role as string), 'environ.postern', role, 'postern.role');
  // A gateway makes the signal when it is first read. The check must not cause that.
  const signal = Object.getOwnPropertyDescriptor(environ, 'postern.signal');
  if (signal === undefined || !('value' in signal)) return;
  check(signal.value instanceof AbortSignal, 'environ.postern', signal.value, 'postern.signal');
}
