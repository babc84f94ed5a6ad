/**
 * Parses the `Forwarded` header (RFC 7239 § 4) from the right. The nearest proxy has added the last element. Everything
 * before it may be the visitor's: a parser that reads from the left would let the visitor's open quotation mark swallow
 * the element of the proxy. Pure functions.
 */

import { isToken } from '../../response/headers.ts';

/** The parameters of a forwarded-element, by name in lower case. */
export type Element = ReadonlyMap<string, string>;

/** The elements from the last to the first. They end at a malformed one: nothing before it can be trusted. */
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

/** Index of the first character of a run that matches `kind` and ends before `end`. */
function startOf(kind: RegExp, line: string, end: number): number {
  let start = end;
  while (start > 0 && kind.test(line[start - 1]!)) start--;
  return start;
}

/** Index of the quotation mark that begins a quoted-string (RFC 9110 § 5.6.4): the nearest one that is not escaped. */
function openingQuote(line: string, end: number): number {
  if (isEscaped(line, end)) return -1;
  for (let at = line.lastIndexOf('"', end - 1); at > 0; at = line.lastIndexOf('"', at - 1)) {
    if (!isEscaped(line, at)) return at;
  }
  return -1; // index 0 does not count: there is a `=` before every quoted-string
}

/** Whether an odd number of backslashes stands before a character: two backslashes are one escaped backslash. */
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
