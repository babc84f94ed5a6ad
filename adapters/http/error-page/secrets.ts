/**
 * Masks secrets in text. They are found by the name before them, or by their form. Each form takes one pass over the text,
 * and looks back no further than the longest name. So the time is linear in the length of the text.
 */

/** Replaces a secret. */
export const MASK = '••••••••';

/** Parts of names, in lower case, without `-` and `_`. */
const SECRET =
  /authorization|authtoken|cookie|credential|csrf|xsrf|jwt|passw|passphrase|pwd|secret|session|signature|token|(?:api|access|private|secret|client|encryption|signing)key|(?:^|http|x)(?:auth|sid|key)$/;

/** Whether a value with this name is a secret: `HTTP_COOKIE`, `apiKey`, `client_secret`. */
export function isSecret(name: string): boolean {
  return SECRET.test(name.toLowerCase().replaceAll(/[^a-z0-9]/g, ''));
}

/** Where a secret begins and ends. */
type Range = readonly [start: number, end: number];

/** Masks the secrets that can be recognized. More than the secret may be masked. */
export function maskSecrets(text: string): string {
  // All forms are searched in the original text: a mask could hide what the next secret is recognized by.
  const ranges = [findPem, findUserinfo, findWords, findNamed, findTokens]
    .flatMap((find) => [...find(text)])
    .toSorted(([a], [b]) => a - b);
  let masked = '';
  let done = 0;
  for (const [start, end] of ranges) {
    if (end <= done) continue;
    if (start > done || masked === '') masked += text.slice(done, start) + MASK;
    done = end;
  }
  return masked + text.slice(done);
}

// ---- PEM

/** Blocks of PEM (RFC 7468). A block without an end reaches to the end of the text. */
function* findPem(text: string): Generator<Range> {
  let end = 0;
  for (const { 0: begin, index } of text.matchAll(/-----BEGIN (?:[A-Z0-9 ]{1,40}-----)?/g)) {
    if (index < end) continue;
    const found = text.indexOf('-----END ', index);
    end = found < 0 ? text.length : found;
    yield [index + begin.length, end];
  }
}

// ---- URLs

/** The userinfo of URLs (RFC 3986 § 3.2.1): `scheme://user:password@host`. */
function* findUserinfo(text: string): Generator<Range> {
  for (const { 0: word, index } of text.matchAll(/\S+/g)) {
    let start = word.indexOf('://');
    while (start >= 0) {
      const next = word.indexOf('://', start + 3);
      const rest = word.slice(start + 3, next < 0 ? word.length : next);
      const [from, to] = userinfoIn(rest);
      if (from < to) yield [index + start + 3 + from, index + start + 3 + to];
      start = next;
    }
  }
}

/** @param rest what follows `://` in a URL */
function userinfoIn(rest: string): Range {
  const authority = /^[^/?#]*/.exec(rest)![0];
  const at = authority.lastIndexOf('@');
  if (at >= 0) return [0, at];
  const colon = authority.indexOf(':');
  // No userinfo: an IPv6 address, or a port.
  if (colon < 0 || authority.startsWith('[') || /^\d*(?!\w)/.test(rest.slice(colon + 1)))
    return NONE;
  // The password has a character that should have been encoded, or its end was cut off.
  const end = rest.indexOf('@', colon);
  return [colon + 1, end < 0 ? authority.length : end];
}

const NONE: Range = [0, 0];

// ---- words

/** Words after `Bearer` or `Basic` (RFC 6750 § 2.1, RFC 7617 § 2), or after an option of a command. */
function* findWords(text: string): Generator<Range> {
  let before = '';
  for (const { 0: word, index } of text.matchAll(/\S+/g)) {
    const isSecretWord =
      /bearer$/i.test(before) ||
      (/basic$/i.test(before) && !IN_PROSE.test(word)) ||
      (before.startsWith('--') && !before.includes('=') && isSecret(before));
    if (isSecretWord) yield [index, index + word.length];
    before = word;
  }
}

/** A word of a sentence, not a credential: `Basic authentication`, `a basic Test.` */
const IN_PROSE = /^[A-Z]?[a-z]+[.,:;!?]?$/;

// ---- names and values

/**
 * Values after a name of a secret and `=` or `:`: a query, a setting, JSON, YAML, a line of a header
 * (`Authorization: …`, `Cookie: …`).
 */
function* findNamed(text: string): Generator<Range> {
  let done = 0;
  for (const { 0: sign, index } of text.matchAll(/[=:]/g)) {
    if (index < done || !isAssignment(text, index)) continue;
    const { name, isQuoted } = nameBefore(text, index);
    // `JsonWebTokenError: …` is an error, not a secret.
    if (!isSecret(name) || (sign === ':' && /(?:error|exception)$/i.test(name))) continue;
    const value = valueAfter(text, index, isQuoted);
    if (value[0] === value[1]) continue;
    yield value;
    done = value[1];
  }
}

/** Whether `=` or `:` assigns a value: not in an operator (`==`, `!=`, `=>`, `::`) or a position (`token.js:10:5`). */
function isAssignment(text: string, index: number): boolean {
  const sign = text[index]!;
  const next = text[index + 1] ?? '';
  if (next === sign || text[index - 1] === sign || (sign === '=' && next === '>')) return false;
  if (sign === '=') return !/[!<>]/.test(text[index - 1] ?? '');
  return !/^\d{1,9}:\d/.test(text.slice(index + 1, index + 12));
}

/** Characters of a name that are looked at: of a longer one, the end. */
const MAX_NAME = 64;

/** The name before a sign. Spaces and quotation marks between them are skipped. */
function nameBefore(text: string, sign: number): { name: string; isQuoted: boolean } {
  const first = Math.max(0, sign - MAX_NAME);
  let end = sign;
  while (end > first && /[ \t"'\\]/.test(text[end - 1]!)) end--;
  let start = end;
  while (start > first && /[\w.$%[\]-]/.test(text[start - 1]!)) start--;
  return { name: text.slice(start, end), isQuoted: /["']/.test(text.slice(end, sign)) };
}

/** Where the value after a sign begins and ends. */
function valueAfter(text: string, sign: number, inJson: boolean): Range {
  const start = endOf(/[= \t]*/y, text, sign + 1);
  const [quotes] = match(/\\*["'`]/y, text, start);
  if (quotes !== '')
    return [start + quotes.length, closingQuotes(text, start + quotes.length, quotes)];
  if (text[start] === '{' || text[start] === '[') return [start, closingBracket(text, start)];
  if (inJson) return [start, endOf(/[^,}\]\s]*/y, text, start)];
  // A value may have spaces: all of the line is masked.
  if (text[sign] === ':' || start > sign + 1) return [start, endOf(/[^\r\n]*/y, text, start)];
  return [start, endOf(/(?:[^&;\s"'`]|["'`](?![\s,;)}\]]|$))*/y, text, start)];
}

function match(pattern: RegExp, text: string, at: number): [match: string, end: number] {
  pattern.lastIndex = at;
  const found = pattern.exec(text)?.[0] ?? '';
  return [found, at + found.length];
}

function endOf(pattern: RegExp, text: string, at: number): number {
  return match(pattern, text, at)[1];
}

/** Where a text in quotation marks ends. In JSON within JSON the marks themselves have backslashes. */
function closingQuotes(text: string, start: number, quotes: string): number {
  const backslashes = quotes.length - 1;
  for (let at = text.indexOf(quotes, start); at >= 0; at = text.indexOf(quotes, at + 1)) {
    let before = at;
    while (text[before - 1] === '\\' && before > start) before--;
    if (backslashes > 0 || (at - before) % 2 === 0) return at;
  }
  return text.length;
}

/** Where the bracket at a position is closed. Brackets in strings are counted too, so more may be masked. */
function closingBracket(text: string, start: number): number {
  const open = text[start];
  const close = open === '{' ? '}' : ']';
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === open) depth++;
    else if (text[at] === close && --depth === 0) return at + 1;
  }
  return text.length;
}

// ---- tokens

/** Tokens that are recognized by how they begin: JWT (RFC 7519 § 3.1), and those of well-known services. */
function* findTokens(text: string): Generator<Range> {
  for (const { 0: run, index } of text.matchAll(/[\w.-]+/g)) {
    const start = run.search(BEGINNING);
    if (start < 0) continue;
    const token = run.slice(start);
    const isToken = token.startsWith('eyJ')
      ? /^eyJ[\w-]*\.[\w-]/.test(token)
      : /^[A-Za-z]{2,6}[\w-]{16}/.test(token);
    if (isToken) yield [index + start, index + run.length];
  }
}

const BEGINNING =
  /(?<![A-Za-z0-9])(?:eyJ|gh[opsur]_|github_pat_|glpat-|xox[a-z]-|sk[-_]|npm_|AKIA|ASIA|AIza)/;
