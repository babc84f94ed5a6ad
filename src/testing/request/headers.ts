/** The headers of a test's request: read from what the test gave, and checked, for every driver alike. */

import { UsageError } from '../../errors.ts';
import { describe } from '../../response/chunk.ts';
import { isToken } from '../../response/headers.ts';
import type { Header, HeaderList } from '../../types.ts';

/** What becomes the text of a header: `5` and `true` are sent as `5` and `true`. */
export type HeaderText = string | number | bigint | boolean;

/** The value of a header, a byte string. Each value of an array is sent as a header of its own. */
export type HeaderValue = HeaderText | readonly HeaderText[];

/** Headers as a test gives them: as an object, or in order, as pairs. */
export type RequestHeaders =
  | Iterable<readonly [name: string, value: HeaderValue]>
  | Readonly<Record<string, HeaderValue>>;

/**
 * Reads headers. Blanks around a value are dropped, because they are no part of it (RFC 9110 § 5.5).
 *
 * @throws {UsageError} for what no request can carry
 */
export function readHeaders(headers: RequestHeaders): Header[] {
  if (typeof headers !== 'object' || headers === null) {
    throw new UsageError(`the headers are ${describe(headers)}, not an object or pairs`);
  }
  const pairs = Symbol.iterator in headers ? headers : Object.entries(headers);
  const list: Header[] = [];
  for (const pair of pairs as Iterable<unknown>) {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new UsageError(`a header is ${describe(pair)}, not a pair [name, value]`);
    }
    const [name, value] = pair as [unknown, unknown];
    checkName(name);
    for (const text of Array.isArray(value) ? (value as unknown[]) : [value]) {
      list.push([name, textOf(name, text)]);
    }
  }
  return list;
}

/** Adds those headers whose name is not there yet. */
export function addDefaults(headers: Header[], defaults: HeaderList): void {
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  headers.push(...defaults.filter(([name]) => !names.has(name.toLowerCase())));
}

/** Whether there is a header of a name in lower case. */
export function hasHeader(headers: HeaderList, lower: string): boolean {
  return headers.some(([name]) => name.toLowerCase() === lower);
}

function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string') {
    throw new UsageError(`the name of a header is ${describe(name)}, not text`);
  }
  if (!isToken(name)) throw new UsageError(`header name ${quote(name)} is not a token`);
  if (name.toLowerCase() === 'trailer') {
    throw new UsageError('header Trailer: the test client sends no trailers');
  }
}

function textOf(name: string, value: unknown): string {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      break;
    default:
      throw new UsageError(`the value of header ${name} is ${describe(value)}, not text`);
  }
  const text = String(value);
  // Field values are visible bytes, SP and HTAB (RFC 9110 § 5.5).
  if (/[^\t\x20-\x7e\x80-\xff]/.test(text)) {
    throw new UsageError(
      `value ${quote(text)} of header ${name} has a control character or one above U+00FF`,
    );
  }
  return text.replace(/^[\t ]+/, '').replace(/(?<![\t ])[\t ]+$/, '');
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
