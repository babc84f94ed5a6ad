/** The rules of the validator by name, as in {@link ValidationError}: the contract of PEP 3333 and types.ts in short. */

import { inspect } from 'node:util';

import { ValidationError } from '../errors.ts';

const RULES = {
  'call.arguments': 'an application is called with two arguments, environ and startResponse',
  'call.start-response': 'startResponse is a function',

  'environ.type': 'the environ is a plain object',
  'environ.missing': 'the environ holds every variable of the contract',
  'environ.forbidden': 'Content-Type and Content-Length are no HTTP_ variables, and Proxy is none',
  'environ.string': 'CGI variables are strings of bytes; what is absent is absent, not null',
  'environ.method': 'REQUEST_METHOD is a token',
  'environ.script-name': "SCRIPT_NAME is '' or begins with '/', and is never just '/'",
  'environ.path-info': "PATH_INFO is '' or begins with '/'",
  'environ.request-uri': 'REQUEST_URI is in origin form, path and query',
  'environ.server': 'SERVER_NAME, SERVER_PORT and SERVER_PROTOCOL are a host, a number, a protocol',
  'environ.content-length': 'CONTENT_LENGTH is a decimal number',
  'environ.version': 'wsgi.version is [1, 0]',
  'environ.scheme': "wsgi.url_scheme is 'http' or 'https'",
  'environ.flag': 'wsgi.multithread, wsgi.multiprocess and wsgi.run_once are booleans',
  'environ.file-wrapper': 'wsgi.file_wrapper is a class',
  'environ.postern': 'postern.gateway, postern.role and postern.signal are as in the contract',

  'input.methods': 'wsgi.input has read, read1, readline, readlines, lines and async iteration',
  'input.member': 'an application uses nothing of wsgi.input but what the contract names',
  'input.arguments': 'methods of wsgi.input take at most one argument, an integer',
  'input.result': 'wsgi.input gives Buffers, never more bytes than were asked for',
  'input.short':
    'wsgi.input gives fewer bytes than read(size) asks for only at the end of the body',
  'errors.methods': 'wsgi.errors has write, writelines and flush',
  'errors.member': 'an application uses nothing of wsgi.errors but what the contract names',
  'errors.arguments': 'wsgi.errors takes strings: write(string), writelines(strings), flush()',

  'start.arguments': 'startResponse is called with status, headers, and excInfo where there is one',
  'start.twice': 'startResponse is called a second time only with excInfo',
  'start.status': "the status is three digits from 200 on, a space and a reason, as in '200 OK'",
  'start.location': 'a response with status 200 has no Location, which CGI takes for a redirect',
  'start.headers': 'headers are an array of [name, value] that a response may carry',
  'start.content-type': 'a response with status 204 or 304 has no Content-Type',
  'start.write': 'startResponse returns the write function',
  'start.swallowed': 'what startResponse throws again is not swallowed to send more',
  'write.arguments': 'write() is called with one argument',
  'write.chunk': 'write() takes bytes (Uint8Array)',

  'body.bare': 'a body is an iterable of chunks, not one piece of text or bytes',
  'body.iterable': 'a body is iterable, or async iterable',
  'body.chunk': 'chunks of a body are bytes (Uint8Array)',
  'body.not-started':
    'startResponse is called before the first chunk that is not empty, and before the end',
  'body.content-type': 'a response that has a body has a Content-Type',
  'body.length': 'a body has as many bytes as its Content-Length says',
  'body.after-close': 'a body is not iterated after close()',
  'body.closed-twice': 'close() of a body is called once',
  'body.not-closed': 'close() of a body is called',
} as const;

/**
 * The name of a rule that {@link validator} checks.
 *
 * @useDeclaredType
 */
export type ValidationRule = keyof typeof RULES;

/** Every rule that {@link validator} checks, by name, and what it says. */
export const VALIDATION_RULES: Readonly<Record<ValidationRule, string>> = RULES;

/**
 * The error for a broken rule.
 *
 * @param value the value that broke the rule
 * @param detail what is wrong with it, if the rule alone does not say it
 */
export function violation(
  rule: ValidationRule,
  value: unknown,
  detail?: string,
  options?: ErrorOptions,
): ValidationError {
  const shown = inspect(value, { depth: 1, breakLength: Infinity, maxStringLength: 200 });
  const message = `${rule}: ${VALIDATION_RULES[rule]}; ${detail === undefined ? 'got' : `${detail}:`} ${shown}`;
  return new ValidationError(rule, message, value, options);
}

/** @throws {ValidationError} unless `condition` holds */
export function check(
  condition: boolean,
  rule: ValidationRule,
  value: unknown,
  detail?: string,
): asserts condition {
  if (!condition) throw violation(rule, value, detail);
}
