/**
 * The `Forwarded` header (RFC 7239 § 4), read from the right. The last element is that of the nearest proxy, and what
 * stands before it may be anything: whoever reads it from the left lets a visitor's open quotation mark swallow the
 * element of the proxy. Pure functions.
 */

import { isToken } from '../../response/headers.ts';

/** The parameters of a forwarded-element, by name in lower case. */
export type Element = ReadonlyMap<string, string>;

/** The elements from the last one to the first, up to one that is malformed: nothing before that one can be trusted. */
export function* elementsFromRight(lines: readonly string[]): Generator<Element, void> {
  for (const line of lines.toReversed()) {
    let end = line.length;
    while (end >= 0) {
      const last = lastElement(line, end);
      if (last === undefined) return;
      yield last.element;
      end = last.start - 1; // the comma
    }
  }
}

/** forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] ), with optional space around each pair. */
function lastElement(
  line: string,
  end: number,
): { element: Map<string, string>; start: number } | undefined {
  const element = new Map<string, string>();
  let at = end;
  for (;;) {
    at = skipSpace(line, at);
    if (at > 0 && !isSeparator(line[at - 1]!)) {
      const pair = lastPair(line, at);
      // No parameter occurs twice in an element (§ 4).
      if (pair === undefined || element.has(pair.name)) return undefined;
      element.set(pair.name, pair.value);
      at = skipSpace(line, pair.start);
    }
    if (at === 0 || line[at - 1] === ',') return { element, start: at };
    if (line[at - 1] !== ';') return undefined;
    at--;
  }
}

/** forwarded-pair = token "=" ( token / quoted-string ). Many proxies write an address with a port without quotes. */
function lastPair(
  line: string,
  end: number,
): { name: string; value: string; start: number } | undefined {
  const isQuoted = line[end - 1] === '"';
  const from = isQuoted ? openingQuote(line, end - 1) : startOf(BARE_VALUE, line, end);
  if (from === -1 || from === end || line[from - 1] !== '=') return undefined;
  const value = isQuoted
    ? line.slice(from + 1, end - 1).replaceAll(/\\(.)/gs, '$1')
    : line.slice(from, end);
  const start = startOf(NAME, line, from - 1);
  const name = line.slice(start, from - 1).toLowerCase();
  return isToken(name) ? { name, value, start } : undefined;
}

const BARE_VALUE = /[^",;\s=\\]/;
const NAME = /[^",;\s=]/;

/** Where the run of such characters begins that ends before a position. */
function startOf(kind: RegExp, line: string, end: number): number {
  let start = end;
  while (start > 0 && kind.test(line[start - 1]!)) start--;
  return start;
}

/** The quotation mark that begins a quoted-string (RFC 9110 § 5.6.4): the nearest one before its end without a backslash. */
function openingQuote(line: string, end: number): number {
  if (isEscaped(line, end)) return -1;
  for (let at = line.lastIndexOf('"', end - 1); at > 0; at = line.lastIndexOf('"', at - 1)) {
    if (!isEscaped(line, at)) return at;
  }
  return -1; // a quoted-string follows a `=`, and so never begins the line
}

/** Two backslashes are one that is escaped. */
function isEscaped(line: string, at: number): boolean {
  let start = at;
  while (line[start - 1] === '\\') start--;
  return (at - start) % 2 === 1;
}

function isSeparator(char: string): boolean {
  return char === ',' || char === ';';
}

function skipSpace(line: string, end: number): number {
  let at = end;
  while (at > 0 && (line[at - 1] === ' ' || line[at - 1] === '\t')) at--;
  return at;
}
