/** What is read of messages beyond the protocols: request targets, variables, responses, headers. */

import * as fc from 'fast-check';
import { expect } from 'vitest';

import { parseTarget } from '../../adapters/http/target.ts';
import type { Target } from '../../adapters/http/target.ts';
import { ResponseParser } from '../../src/apps/node/response-parser.ts';
import {
  addVariable,
  asEnviron,
  completeEnviron,
  createEnviron,
} from '../../src/environ/environ.ts';
import { HeaderError, RequestError } from '../../src/errors.ts';
import { Headers } from '../../src/response/header-list.ts';
import { checkHeaders, checkStatus } from '../../src/response/headers.ts';
import type { Header } from '../../src/types.ts';
import { byteString, cutAt, places } from '../reader-kit.ts';
import { fuzz } from './fuzz.ts';

// ---- request targets

const target = fc
  .array(
    fc.oneof(
      fc.constantFrom('/', '//', '.', '..', '%2f', '%2F', '%', '%0', '%00', '%zz', '%25', '%c3%a9'),
      fc.constantFrom('?', '#', '*', ':', '@', 'http://', 'HTTPS://', '[::1]', 'host', '\\', ';'),
      byteString(0x21, 0),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));

/** The path as bytes; undefined for one that cannot be decoded. */
function decode(path: string): string | undefined {
  const bytes: number[] = [];
  for (let i = 0; i < path.length; i++) {
    if (path[i] !== '%') bytes.push(path.charCodeAt(i));
    else {
      const digits = path.slice(i + 1, i + 3);
      if (
        digits.length < 2 ||
        [...digits].some((digit) => !'0123456789abcdefABCDEF'.includes(digit))
      )
        return undefined;
      bytes.push(Number(`0x${digits}`));
      i += 2;
    }
  }
  return bytes.includes(0) ? undefined : String.fromCharCode(...bytes);
}

/** What a target is; undefined for one that is none (RFC 9112 § 3.2). */
function readTarget(method: string, target: string): Target | undefined {
  if (target === '*' && method === 'OPTIONS') {
    return { uri: '*', path: '', query: '', authority: undefined };
  }
  const [, authority, rest] = /^https?:\/\/([^/?#]+)([^]*)$/i.exec(target) ?? [];
  const local = target.startsWith('/') ? target : rest;
  if (local === undefined || local.includes('#')) return undefined;
  const uri = local.startsWith('/') ? local : `/${local}`;
  const [raw, ...query] = uri.split('?');
  const path = decode(raw!);
  if (path === undefined) return undefined;
  return {
    uri,
    path,
    query: query.join('?'),
    authority: target.startsWith('/') ? undefined : authority,
  };
}

fuzz(
  'request targets: the same as a plain reader says',
  fc.property(fc.constantFrom('GET', 'OPTIONS'), target, (method, target) => {
    const expected = readTarget(method, target);
    if (expected !== undefined) expect(parseTarget(method, target)).toEqual(expected);
    else expect(() => parseTarget(method, target)).toThrow(RequestError);
  }),
);

// ---- variables

const NAMES = [
  'REQUEST_METHOD',
  'SCRIPT_NAME',
  'PATH_INFO',
  'REQUEST_URI',
  'QUERY_STRING',
  'CONTENT_LENGTH',
  'HTTP_HOST',
  'HTTP_PROXY',
  'HTTP_TRANSFER_ENCODING',
  'SERVER_NAME',
  'SERVER_PORT',
  'SERVER_PROTOCOL',
  'HTTPS',
  'wsgi.input',
  'postern.signal',
  '__proto__',
  'toString',
] as const;
const SIMPLE = [
  '',
  '/',
  '//',
  'x',
  '/app',
  '/app/',
  'GET',
  '80',
  '-1',
  '12',
  '1e3',
  '*',
  '[',
  'on',
];
const variables = fc.array(
  fc.tuple(
    fc.oneof(fc.constantFrom(...NAMES), byteString(0, 0)),
    fc.oneof(fc.constantFrom(...SIMPLE), target, byteString(0, 0)),
  ),
  { maxLength: 10 },
);
const mount = fc.option(fc.constantFrom('', '/app', '/x'), { nil: undefined });

fuzz(
  'variables of any kind make the environ that the contract promises, or a refusal',
  fc.property(variables, mount, (variables, scriptName) => {
    const environ = createEnviron({ signal: new AbortController().signal });
    let length: number;
    try {
      for (const [name, value] of variables) addVariable(environ, name, value);
      length = completeEnviron(environ, { scriptName });
    } catch (error) {
      expect(error).toBeInstanceOf(RequestError);
      return;
    }
    expect(Object.getPrototypeOf(asEnviron(environ))).toBeNull();
    expect(length).toBeGreaterThanOrEqual(-1);
    expect(environ['SCRIPT_NAME']).toMatch(/^(?:$|\/[^])/);
    expect(environ['PATH_INFO']).toMatch(/^(?:$|\/)/);
    expect(environ['REQUEST_URI']).toMatch(/^(?:\/|\*$)/);
    for (const name of ['REQUEST_METHOD', 'SERVER_NAME', 'SERVER_PORT', 'SERVER_PROTOCOL']) {
      expect(environ[name]).toMatch(/./s);
    }
    expect(typeof environ['QUERY_STRING']).toBe('string');
    expect(environ).not.toHaveProperty('HTTP_PROXY');
    expect(environ['postern.signal']).toBeInstanceOf(AbortSignal);
    expect(typeof environ['wsgi.input']).not.toBe('string');
  }),
);

// ---- headers and status

const token = fc.oneof(
  fc.constantFrom('Content-Type', 'Content-Length', 'Connection', 'te', 'Status', 'X-A', 'Date'),
  byteString(0x21, 0),
);
const fieldValue = fc.oneof(
  fc.constantFrom('', '12', '-1', 'text/plain', 'a\r\nB: c', 'a\0', 'a\tb', '\u0100'),
  byteString(0, 0),
);
const HOP_BY_HOP =
  'connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer trailers transfer-encoding upgrade';

const codes = (text: string): number[] => [...text].map((letter) => letter.codePointAt(0)!);

function isGood(name: string, value: string): boolean {
  const isName =
    name !== '' &&
    codes(name).every((code) => code > 0x20 && code < 0x7f) &&
    ![...name].some((letter) => '()<>@,;:\\"/[]?={}'.includes(letter));
  const isOwn = ![...HOP_BY_HOP.split(' '), 'status'].includes(name.toLowerCase());
  const isValue = codes(value).every(
    (code) => code === 9 || (code >= 32 && code !== 127 && code < 256),
  );
  return isName && isOwn && isValue;
}

fuzz(
  'headers: refused if one of them may not be in a response, else unchanged',
  fc.property(fc.array(fc.tuple(token, fieldValue), { maxLength: 5 }), (list) => {
    const lengths = list.filter(([name]) => name.toLowerCase() === 'content-length');
    const areLengths = lengths.length < 2 && lengths.every(([, value]) => /^\d+$/.test(value));
    const areGood = list.every(([name, value]) => isGood(name, value));
    if (areGood) expect(new Headers(list).toArray()).toEqual(list);
    else expect(() => new Headers(list)).toThrow(HeaderError);
    if (areGood && areLengths) expect(checkHeaders(list).list).toEqual(list);
    else expect(() => checkHeaders(list)).toThrow(HeaderError);
  }),
);

const status = fc.oneof(
  fc
    .tuple(fc.constantFrom('200', '099', '1000', '20', 'abc', '999'), byteString(0, 0))
    .map((parts) => parts.join(' ')),
  byteString(0, 0),
);

fuzz(
  'a status is three digits and a reason, without control characters',
  fc.property(status, (status) => {
    const [code = '', ...words] = status.split(' ');
    const reason = words.join(' ');
    const isClean = [...reason].every(
      (letter) => letter === '\t' || (letter >= ' ' && letter !== '\x7f'),
    );
    const isBlank = /^[ \t]*$/.test(reason);
    const isStatus = /^[1-9]\d\d$/.test(code) && words.length > 0 && isClean && !isBlank;
    if (isStatus) expect(() => checkStatus(status)).not.toThrow();
    else expect(() => checkStatus(status)).toThrow(HeaderError);
  }),
);

// ---- responses as node:http writes them

const response = fc.record({
  early: fc.boolean(),
  status: fc.constantFrom('200 OK', '404 Not Found', '299 caf\xe9'),
  headers: fc.array(fc.tuple(fc.constantFrom('X-A', 'Set-Cookie', 'Date'), byteString(0x20, 0)), {
    maxLength: 4,
  }),
  chunks: fc.array(byteString(0, 1), { maxLength: 6 }),
  framing: fc.constantFrom('chunked', 'length', 'close'),
  cuts: places,
});

fuzz(
  'a response is read as it was written, in any pieces',
  fc.property(response, ({ early, status, headers, chunks, framing, cuts }) => {
    const body = chunks.join('');
    const fields = headers.map(([name, value]): [string, string] => [name, value.trim()]);
    const length: [string, string][] =
      framing === 'length' ? [['Content-Length', String(body.length)]] : [];
    const lines = [...fields, ...length].map(([name, value]) => `${name}: ${value}\r\n`);
    const hidden =
      framing === 'chunked' ? 'Transfer-Encoding: chunked\r\n' : 'Connection: close\r\n';
    const head = `HTTP/1.1 ${status}\r\n${lines.join('')}${hidden}\r\n`;
    const wire =
      framing === 'chunked'
        ? `${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`
        : body;
    const seen: { status: string; headers: Header[]; body: string } = {
      status: '',
      headers: [],
      body: '',
    };
    const parser = new ResponseParser(
      {
        onHead: (status, headers) => Object.assign(seen, { status, headers }),
        onBody: (bytes) => (seen.body += bytes.toString('latin1')),
      },
      false,
    );
    const prefix = early ? 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n' : '';
    const bytes = Buffer.from(prefix + head + wire, 'latin1');
    for (const [i, piece] of cutAt(bytes, cuts).entries()) {
      if (i % 2 > 0) parser.write(piece, 'latin1');
      else parser.write(piece.toString('latin1'), 'latin1');
    }
    expect(seen).toEqual({ status, headers: [...fields, ...length], body });
    expect(parser.isComplete).toBe(framing !== 'close');
  }),
);
