/** Headers as a Node listener gives them, and as node:http has them when it makes the head. Pure functions. */

import type { ServerResponse } from 'node:http';

import { HeaderError } from '../../src/errors.ts';
import { isHopByHop, parseContentLength } from '../../src/response/headers.ts';
import type { Header } from '../../src/types.ts';

/** Headers as `writeHead` takes them: an object, names and values in turn, or pairs. */
export type GivenHeaders = Record<string, unknown> | readonly unknown[] | null | undefined;

/** What `setHeader` has set: if there is any, these are the headers that node:http writes. */
type HeaderStore = Pick<ServerResponse, 'getHeader' | 'hasHeader' | 'removeHeader'>;

/**
 * The number in Content-Length; -1 when there is none.
 *
 * @throws {HeaderError} as startResponse does
 */
export function lengthIn(response: HeaderStore, headers: GivenHeaders): number {
  const value = valueOf(response, headers, 'content-length');
  if (value === undefined) return -1;
  const length = parseContentLength(String(value));
  if (length !== undefined) return length;
  throw new HeaderError(`Content-Length ${JSON.stringify(value)} is not a decimal number`);
}

/** Whether the body has a transfer coding, beside which there is no Content-Length (RFC 9112 § 6.2). */
export function isCoded(response: HeaderStore, headers: GivenHeaders): boolean {
  return valueOf(response, headers, 'transfer-encoding') !== undefined;
}

/** The value of a header; undefined if it is not there. Several values are joined. */
export function valueOf(response: HeaderStore, headers: GivenHeaders, lower: string): unknown {
  const set = response.getHeader(lower);
  if (set !== undefined || headers === undefined || headers === null) return set;
  let found: unknown;
  forEach(headers, (name, value) => {
    if (name.length !== lower.length || name.toLowerCase() !== lower) return;
    found = found === undefined ? value : `${String(found)}, ${String(value)}`;
  });
  return found;
}

/** Calls `visit` for each header. node:http checks names and values later. */
function forEach(
  headers: NonNullable<GivenHeaders>,
  visit: (name: string, value: unknown) => void,
): void {
  if (!Array.isArray(headers)) {
    for (const name in headers) visit(name, (headers as Record<string, unknown>)[name]);
  } else if (Array.isArray(headers[0])) {
    for (const [name, value] of headers as [string, unknown][]) visit(String(name), value);
  } else {
    for (let i = 0; i < headers.length; i += 2) visit(String(headers[i]), headers[i + 1]);
  }
}

/** The headers without Content-Length. */
export function withoutLength(response: HeaderStore, headers: GivenHeaders): GivenHeaders {
  if (response.hasHeader('content-length')) {
    response.removeHeader('content-length'); // from `headers`, too: it is node:http's own object
    return headers;
  }
  const others: unknown[] = [];
  forEach(headers!, (name, value) => {
    if (name.toLowerCase() !== 'content-length') others.push(name, value);
  });
  return others;
}

/**
 * The headers of a response as they are sent, without those that belong to the connection.
 *
 * @param head as node:http has made it
 * @param hasServer whether Server is the listener's
 */
export function sentHeaders(head: string, hasServer: boolean): Header[] {
  const lines = head.split('\r\n').slice(1, -2);
  return lines.map(splitField).filter(([name]) => {
    return !isHopByHop(name) && (hasServer || name !== 'Server');
  });
}

function splitField(line: string): Header {
  const colon = line.indexOf(': ');
  return [line.slice(0, colon), line.slice(colon + 2)];
}
