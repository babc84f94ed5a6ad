/** What may be in the status and the headers of a response. */

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
export function checkName(name: unknown): string {
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

/** @throws {HeaderError} unless it is a string of the characters that a field value may have (RFC 9110 § 5.5) */
export function checkValue(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') {
    throw new HeaderError(`value ${inspect(value)} of header ${name} is not a string`);
  }
  if (NOT_IN_VALUE.test(value)) {
    throw new HeaderError(
      `value ${inspect(value)} of header ${name} has a control character or one above U+00FF`,
    );
  }
}

/** A value for a message, clipped. */
export function inspect(value: unknown): string {
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
