/** Response headers: what may be in them, and an ordered, case-insensitive collection of them. */

import { copyText, memoize } from '../bytes.ts';
import { HeaderError } from '../errors.ts';
import type { Header, HeaderList } from '../types.ts';

/** Three digits, a space, and a reason (RFC 9112 § 4) that is not blank. */
const STATUS = /^[1-9]\d\d [\t ]*[\x21-\x7e\x80-\xff][\t\x20-\x7e\x80-\xff]*$/;
/** token, RFC 9110 § 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Everything but field-vchar, SP and HTAB (RFC 9110 § 5.5): control characters, and what is no byte. */
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** RFC 2616 § 13.5.1, wsgiref's list; `trailer` is that header's real name, `proxy-connection` its cousin. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
]);

/** Whether a header belongs to one connection and may not come from an application (PEP 3333, "Other HTTP Features"). */
export function isHopByHop(name: string): boolean {
  return HOP_BY_HOP.has(name.toLowerCase());
}

/** Whether `text` is an RFC 9110 token: a method, or the name of a header. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/**
 * Checks the name of a response header.
 *
 * @returns the name in lower case
 * @throws {HeaderError} when it is no token, hop-by-hop, or `Status` (which CGI gives another meaning)
 */
function checkName(name: unknown): string {
  if (typeof name !== 'string') {
    throw new HeaderError(`header name ${inspect(name)} is not a string`);
  }
  return checkedName(name);
}

const checkedName = memoize((name: string): string => {
  if (!TOKEN.test(name)) throw new HeaderError(`header name ${inspect(name)} is not a token`);
  const lower = name.toLowerCase();
  if (HOP_BY_HOP.has(lower)) {
    throw new HeaderError(`hop-by-hop header ${name} is the server's, not the application's`);
  }
  if (lower === 'status') {
    throw new HeaderError('the status is an argument of startResponse, not a header');
  }
  return copyText(lower);
});

function checkValue(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') {
    throw new HeaderError(`value ${inspect(value)} of header ${name} is not a string`);
  }
  if (NOT_IN_VALUE.test(value)) {
    throw new HeaderError(
      `value ${inspect(value)} of header ${name} has a control character or one above U+00FF`,
    );
  }
}

function inspect(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 200)) : String(value);
}

/**
 * Checks the status of a response, as `startResponse` does on every gateway, always.
 *
 * A 1xx is no final status (RFC 9110 § 15.2). Sent as one it hangs HAProxy, becomes an empty 200 in Caddy, and the
 * visitor's browser waits for what follows.
 *
 * @throws {HeaderError} unless it is three digits from 200 on, a space and a reason without control characters
 */
export function checkStatus(status: unknown): asserts status is string {
  if (typeof status !== 'string' || !STATUS.test(status)) {
    throw new HeaderError(
      `status ${inspect(status)} is not three digits, a space and a reason, as in '200 OK'`,
    );
  }
  if (status.startsWith('1')) throw new HeaderError(`status ${inspect(status)} is no final status`);
}

/** Headers that were checked, and what the handler has to know of them. */
export interface CheckedHeaders {
  /** The headers. A copy: what the application does to its array afterwards changes nothing. */
  list: Header[];
  /** Value of Content-Length in bytes, or -1 when there is none. */
  contentLength: number;
  /** Whether Date is among them. */
  hasDate: boolean;
  /** Whether Server is among them. */
  hasServer: boolean;
  /** Whether there is a Location. */
  hasLocation: boolean;
}

/**
 * Checks all headers of a response, as `startResponse` does on every gateway, always.
 *
 * @throws {HeaderError} for the first one that no response may carry
 */
export function checkHeaders(headers: HeaderList): CheckedHeaders {
  if (!Array.isArray(headers)) {
    throw new HeaderError(`headers ${inspect(headers)} are not an array of [name, value]`);
  }
  const checked: CheckedHeaders = {
    list: [],
    contentLength: -1,
    hasDate: false,
    hasServer: false,
    hasLocation: false,
  };
  for (const header of headers as readonly unknown[]) {
    if (!Array.isArray(header) || header.length !== 2) {
      throw new HeaderError(`header ${inspect(header)} is not a pair [name, value]`);
    }
    const name: unknown = header[0];
    const value: unknown = header[1];
    const lower = checkName(name);
    checkValue(name as string, value);
    checked.list.push([name as string, value]);
    if (lower === 'content-length') checkContentLength(value, checked);
    else if (lower === 'date') checked.hasDate = true;
    else if (lower === 'server') checked.hasServer = true;
    else if (lower === 'location') checked.hasLocation = true;
  }
  return checked;
}

function checkContentLength(value: string, checked: CheckedHeaders): void {
  const length = parseContentLength(value);
  if (length === undefined) {
    throw new HeaderError(`Content-Length ${inspect(value)} is not a decimal number`);
  }
  if (checked.contentLength >= 0) throw new HeaderError('Content-Length is given twice');
  checked.contentLength = length;
}

/** The number in a Content-Length field (RFC 9110 § 8.6: 1*DIGIT), or undefined when it is none. */
export function parseContentLength(value: string): number | undefined {
  if (!/^\d+$/.test(value)) return undefined;
  const length = Number(value);
  return Number.isSafeInteger(length) ? length : undefined;
}

/**
 * A point in time as Date, Expires and Last-Modified have it: IMF-fixdate (RFC 9110 § 5.6.7).
 *
 * @param time a Date, or milliseconds since 1970 as `Date.now()` gives them
 * @throws {HeaderError} when it is no point in time, or its year has not four digits
 */
export function formatDateTime(time: Date | number): string {
  const text = new Date(time).toUTCString();
  if (text.length !== IMF_FIXDATE_LENGTH) throw new HeaderError(`${String(time)} is no date`);
  return text;
}

const IMF_FIXDATE_LENGTH = 'Sun, 06 Nov 1994 08:49:37 GMT'.length;

/** Parameters of {@link Headers.addHeader}; null gives the bare name, `_` in a name stands for `-`. */
export type HeaderParams = Readonly<Record<string, string | number | null>>;

/** Headers of a response, in order, found without regard to case, as wsgiref.headers.Headers. */
export class Headers implements Iterable<Header> {
  #list: [name: string, value: string][] = [];

  /**
   * @param init headers to begin with; they are copied
   * @throws {HeaderError} for one that no response may carry
   */
  constructor(init: Iterable<Header> = []) {
    for (const [name, value] of init) this.append(name, value);
  }

  /** Number of headers, repeated ones counted each time. */
  get size(): number {
    return this.#list.length;
  }

  /** The first value of a name; undefined when there is none. */
  get(name: string): string | undefined {
    const lower = name.toLowerCase();
    return this.#list.find((header) => header[0].toLowerCase() === lower)?.[1];
  }

  /** All values of a name, in order; empty when there is none. */
  getAll(name: string): string[] {
    const lower = name.toLowerCase();
    return this.#list
      .filter((header) => header[0].toLowerCase() === lower)
      .map((header) => header[1]);
  }

  /** Whether there is a header of this name. */
  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /**
   * Replaces all values of a name by one, at the end.
   *
   * @throws {HeaderError} for a header that no response may carry; then nothing is changed
   */
  set(name: string, value: string): this {
    this.#check(name, value);
    this.delete(name);
    this.#list.push([name, value]);
    return this;
  }

  /**
   * Adds a value and keeps the ones there are.
   *
   * @throws {HeaderError} for a header that no response may carry
   */
  append(name: string, value: string): this {
    this.#check(name, value);
    this.#list.push([name, value]);
    return this;
  }

  /**
   * Removes all values of a name.
   *
   * @returns whether there were any
   */
  delete(name: string): boolean {
    const lower = name.toLowerCase();
    const before = this.#list.length;
    this.#list = this.#list.filter((header) => header[0].toLowerCase() !== lower);
    return this.#list.length < before;
  }

  /**
   * The first value of a name. When there is none, `value` is added.
   *
   * @throws {HeaderError} when it is added, and no response may carry it
   */
  setDefault(name: string, value: string): string {
    const present = this.get(name);
    if (present !== undefined) return present;
    this.append(name, value);
    return value;
  }

  /**
   * Adds a header with parameters, quoted:
   * `addHeader('Content-Disposition', 'attachment', { filename: 'a b.txt' })`.
   *
   * @param value what stands before the parameters; null for nothing
   * @throws {HeaderError} for a name of a parameter that is no token, and for a header that no response may carry
   */
  addHeader(name: string, value: string | null, params: HeaderParams = {}): this {
    const parts = value === null ? [] : [value];
    for (const [key, param] of Object.entries(params)) {
      const token = key.replaceAll('_', '-');
      if (!TOKEN.test(token))
        throw new HeaderError(`parameter name ${inspect(key)} is not a token`);
      parts.push(param === null ? token : `${token}="${quote(String(param))}"`);
    }
    return this.append(name, parts.join('; '));
  }

  /** The headers as `startResponse` takes them: a copy. */
  toArray(): [name: string, value: string][] {
    return this.#list.map(([name, value]) => [name, value]);
  }

  /** Iterates over a copy of the headers. */
  [Symbol.iterator](): IterableIterator<Header> {
    return this.toArray()[Symbol.iterator]();
  }

  /** Names in order, repeated ones each time. */
  keys(): string[] {
    return this.#list.map((header) => header[0]);
  }

  /** Values in the order of {@link keys}. */
  values(): string[] {
    return this.#list.map((header) => header[1]);
  }

  /** One line for each header and an empty one, each ended by CRLF. */
  toString(): string {
    return `${this.#list.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  }

  /** {@link toString} as bytes, latin-1. */
  toBytes(): Buffer {
    return Buffer.from(this.toString(), 'latin1');
  }

  #check(name: string, value: string): void {
    checkName(name);
    checkValue(name, value);
  }
}

/** quoted-string, RFC 9110 § 5.6.4. */
function quote(text: string): string {
  return text.replace(/[\\"]/g, '\\$&');
}
