/** The access log: one line for each response, in the usual formats. */

import { UsageError } from '../errors.ts';
import type { AccessEntry, Environ } from '../types.ts';

/** How an access log looks, beside its format. */
export interface AccessLogOptions {
  /** Whether `dev` is coloured. Default: whether stderr shows colours; NO_COLOR and FORCE_COLOR decide. */
  colors?: boolean | undefined;
}

/** Makes the text for a response: a line, or a part of one. */
type Formatter = (entry: AccessEntry) => string;

/** Apache's Common Log Format and Combined Log Format. */
const COMMON = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s';
const COMBINED = `${COMMON} "%(f)s" "%(a)s"`;

/**
 * Makes the `accessLog` of a gateway.
 *
 * Whatever comes from outside is escaped: a line has no control characters, and a quoted part no quotes.
 *
 * @param format `common`, `combined`, `json` (an object a line), `dev` (short, coloured by status), or a string
 *   with gunicorn's atoms:
 *
 *   - `%(h)s` client's address, `%(l)s` always `-`, `%(u)s` user, `%(t)s` time of the request with brackets
 *   - `%(r)s` request line, `%(m)s` method, `%(U)s` path, `%(q)s` query, `%(H)s` protocol
 *   - `%(s)s` status code, `%(B)s` bytes of the body, `%(b)s` the same or `-`
 *   - `%(f)s` Referer, `%(a)s` User-Agent, `%({Name}i)s` any header of the request, `%({Name}o)s` of the response,
 *     `%({NAME}e)s` a variable of the environ
 *   - `%(T)s` time taken in seconds, `%(L)s` with six decimals, `%(M)s` in milliseconds, `%(D)s` in microseconds
 *   - `%(p)s` process id in angle brackets, `%%` a percent sign
 *
 *   What is absent is `-`.
 * @param write takes one line, newline included
 * @throws {UsageError} for a format string with an atom that is none
 */
export function createAccessLog(
  format: string,
  write: (line: string) => void,
  options: AccessLogOptions = {},
): (entry: AccessEntry) => void {
  const toLine = createFormatter(format, options);
  return (entry) => write(`${toLine(entry)}\n`);
}

function createFormatter(format: string, options: AccessLogOptions): Formatter {
  switch (format) {
    case 'common':
      return compile(COMMON);
    case 'combined':
      return compile(COMBINED);
    case 'json':
      return formatJson;
    case 'dev':
      return (options.colors ?? showsColors()) ? formatColored : formatDev;
    default:
      return compile(format);
  }
}

function showsColors(): boolean {
  const { stderr, env } = process;
  // hasColors() respects FORCE_COLOR, NO_COLOR and TERM. FORCE_COLOR is for what is no terminal, too.
  if (stderr.isTTY) return stderr.hasColors();
  return env['FORCE_COLOR'] !== undefined && !/^(?:0|false)$/.test(env['FORCE_COLOR']);
}

// ---- format strings

/** `%%`, an atom, or a percent sign that begins neither. */
const ATOM = /%(?:%|\(([^)]*)\)s|)/g;

/** Parses a format string once, into the texts and functions from which each line is made. */
function compile(format: string): Formatter {
  const parts: (string | Formatter)[] = [];
  let end = 0;
  for (const match of format.matchAll(ATOM)) {
    parts.push(format.slice(end, match.index));
    parts.push(match[0] === '%%' ? '%' : atom(match[1], format));
    end = match.index + match[0].length;
  }
  parts.push(format.slice(end));
  return (entry) => parts.map((part) => (typeof part === 'string' ? part : part(entry))).join('');
}

function atom(name: string | undefined, format: string): Formatter {
  const simple = name === undefined ? undefined : ATOMS.get(name);
  if (simple !== undefined) return simple;
  const [, key, kind] = /^\{(.+)\}([ioe])$/.exec(name ?? '') ?? [];
  if (key === undefined) {
    const what = name === undefined ? 'a % alone' : `%(${name})s`;
    throw new UsageError(
      `${what} in the access log format ${JSON.stringify(format)} is not an atom`,
    );
  }
  if (kind === 'i') return requestHeader(key);
  return kind === 'o' ? responseHeader(key) : variable(key);
}

const ATOMS: ReadonlyMap<string, Formatter> = new Map<string, Formatter>([
  ['h', variable('REMOTE_ADDR')],
  ['l', () => '-'],
  ['u', (entry) => escape(userOf(entry.environ))],
  ['t', (entry) => formatTime(entry.startedAt)],
  ['r', (entry) => escape(requestLine(entry.environ))],
  ['m', variable('REQUEST_METHOD')],
  ['U', (entry) => escape(entry.environ.REQUEST_URI.replace(/\?.*/s, ''))],
  ['q', variable('QUERY_STRING')],
  ['H', variable('SERVER_PROTOCOL')],
  ['s', (entry) => statusCode(entry)],
  ['B', (entry) => String(entry.bytes)],
  ['b', (entry) => (entry.bytes === 0 ? '-' : String(entry.bytes))],
  ['f', requestHeader('Referer')],
  ['a', requestHeader('User-Agent')],
  ['T', (entry) => String(Math.floor(entry.duration / 1000))],
  ['L', (entry) => (entry.duration / 1000).toFixed(6)],
  ['M', (entry) => String(Math.round(entry.duration))],
  ['D', (entry) => String(Math.round(entry.duration * 1000))],
  ['p', () => `<${process.pid}>`],
]);

function variable(name: string): Formatter {
  return ({ environ }) => escape(environ[name]);
}

function requestHeader(name: string): Formatter {
  const key = name.toUpperCase().replaceAll('-', '_');
  return variable(key === 'CONTENT_TYPE' || key === 'CONTENT_LENGTH' ? key : `HTTP_${key}`);
}

function responseHeader(name: string): Formatter {
  const lower = name.toLowerCase();
  return ({ headers }) => {
    const found = headers.filter((header) => header[0].toLowerCase() === lower);
    return escape(found.map((header) => header[1]).join(', '));
  };
}

// ---- what is in an entry

function statusCode(entry: AccessEntry): string {
  return entry.status.slice(0, 3);
}

function requestLine(environ: Environ): string {
  return `${environ.REQUEST_METHOD} ${environ.REQUEST_URI} ${environ.SERVER_PROTOCOL}`;
}

/** The user that the front end has authenticated, or the name in the client's Basic credentials (RFC 7617 § 2). */
function userOf(environ: Environ): string | undefined {
  const { REMOTE_USER: user, HTTP_AUTHORIZATION: authorization = '' } = environ;
  if (typeof user === 'string') return user;
  const credentials = /^basic +([\w+/=]+)$/i.exec(authorization)?.[1];
  if (credentials === undefined) return undefined;
  return Buffer.from(credentials, 'base64').toString('latin1').split(':', 1)[0];
}

/** Everything but printable ASCII; also `"` and `\`. nginx escapes the same in its log. */
const UNSAFE = /[^\x20\x21\x23-\x5b\x5d-\x7e]/g;

function escape(value: unknown): string {
  if (typeof value !== 'string' || value === '') return '-';
  return value.replace(UNSAFE, (char) => {
    const code = char.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
  });
}

// ---- time

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

let lastSecond = NaN;
let lastTime = '';

/** `[21/Nov/2026:09:30:00 +0100]`. The text is kept for a second, because formatting a date is slow. */
function formatTime(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== lastSecond) {
    lastSecond = second;
    const date = new Date(ms);
    const day = `${pad(date.getDate())}/${MONTHS[date.getMonth()]!}/${date.getFullYear()}`;
    lastTime = `[${day}:${clock(date)} ${offset(date)}]`;
  }
  return lastTime;
}

function clock(date: Date): string {
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** Offset from UTC as `+hhmm`. */
function offset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}${pad(size % 60)}`;
}

function pad(number: number): string {
  return String(number).padStart(2, '0');
}

// ---- dev

function formatDev(entry: AccessEntry): string {
  const { environ, bytes, duration, startedAt } = entry;
  const request = escape(`${environ.REQUEST_METHOD} ${environ.REQUEST_URI}`);
  const taken = duration < 10 ? duration.toFixed(1) : String(Math.round(duration));
  return `${clock(new Date(startedAt))} ${statusCode(entry)} ${request} ${bytes} B ${taken} ms`;
}

/** Colours by the class of the status (ECMA-48 § 8.3.117): green, cyan, yellow, red. Any other status is magenta. */
const COLORS = new Map([
  ['2', 32],
  ['3', 36],
  ['4', 33],
  ['5', 31],
]);

function formatColored(entry: AccessEntry): string {
  return `\x1b[${COLORS.get(entry.status[0]!) ?? 35}m${formatDev(entry)}\x1b[39m`;
}

// ---- json

function formatJson(entry: AccessEntry): string {
  const { environ, startedAt, bytes, duration } = entry;
  const record = {
    time: new Date(startedAt).toISOString(),
    remoteAddress: decode(environ['REMOTE_ADDR']),
    user: decode(userOf(environ)),
    method: decode(environ.REQUEST_METHOD),
    uri: decode(environ.REQUEST_URI),
    protocol: decode(environ.SERVER_PROTOCOL),
    host: decode(environ['HTTP_HOST']),
    referer: decode(environ['HTTP_REFERER']),
    userAgent: decode(environ['HTTP_USER_AGENT']),
    status: Number(statusCode(entry)),
    bytes,
    duration: Math.round(duration * 1000) / 1000,
    gateway: environ['postern.gateway'],
  };
  // Only ASCII, so that the encoding of the terminal or the file does not matter.
  return JSON.stringify(record).replace(
    /[\x7f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Decodes a byte string as UTF-8. */
function decode(value: unknown): string | undefined {
  return typeof value === 'string' ? Buffer.from(value, 'latin1').toString('utf8') : undefined;
}
