/**
 * Secrets in text, by the names that stand before them and by their form, replaced by a mask. It goes through the text
 * once for each form, and looks no further back than the longest name: the time is linear in the length of the text.
 */

/** In place of a secret. */
export const MASK = '••••••••';

/** Parts of names, with `-` and `_` and the case of letters left out. */
const SECRET =
  /authorization|authtoken|cookie|credential|csrf|xsrf|jwt|passw|passphrase|pwd|secret|session|signature|token|(?:api|access|private|secret|client|encryption|signing)key|(?:^|http|x)(?:auth|sid|key)$/;

/** Whether something with this name is not to be shown: `HTTP_COOKIE`, `apiKey`, `client_secret`. */
export function isSecret(name: string): boolean {
  return SECRET.test(name.toLowerCase().replaceAll(/[^a-z0-9]/g, ''));
}

/** A text without the secrets that can be told as such. What is masked may be more than the secret, never less. */
export function maskSecrets(text: string): string {
  return [maskPem, maskUserinfo, maskWords, maskNamed, maskTokens].reduce(
    (masked, mask) => mask(masked),
    text,
  );
}

// ---- PEM

const BEGIN = '-----BEGIN ';

/** Blocks of PEM (RFC 7468), up to the end of the text where that of the block is missing. */
function maskPem(text: string): string {
  let masked = '';
  let done = 0;
  for (;;) {
    const begin = text.indexOf(BEGIN, done);
    if (begin < 0) return masked + text.slice(done);
    const end = text.indexOf('-----END ', begin);
    const label = text.slice(begin, begin + 64).match(/^-----BEGIN [A-Z0-9 ]+-----/)?.[0] ?? BEGIN;
    masked += text.slice(done, begin) + label + MASK;
    if (end < 0) return masked;
    done = end;
  }
}

// ---- URLs

/** The userinfo of URLs (RFC 3986 § 3.2.1): `scheme://user:password@host`. */
function maskUserinfo(text: string): string {
  return text.replaceAll(/\S+/g, (word) => {
    const [scheme, ...rest] = word.split('://');
    return rest.length === 0 ? word : [scheme, ...rest.map(maskAuthority)].join('://');
  });
}

function maskAuthority(rest: string): string {
  const authority = /^[^/?#]*/.exec(rest)![0];
  const at = authority.lastIndexOf('@');
  if (at >= 0) return MASK + rest.slice(at);
  const colon = authority.indexOf(':');
  // An address, or a port, or none.
  if (authority.startsWith('[') || /^\d*(?!\w)/.test(rest.slice(colon + 1)) || colon < 0) {
    return rest;
  }
  // A password with a character that should have been encoded, or one that was cut off.
  const end = rest.indexOf('@', colon);
  return rest.slice(0, colon + 1) + MASK + rest.slice(end < 0 ? authority.length : end);
}

// ---- words

/** What follows the name of a scheme (RFC 6750 § 2.1, RFC 7617 § 2), or an option of a command. */
function maskWords(text: string): string {
  let before = '';
  return text.replaceAll(/\S+/g, (word) => {
    const isMasked =
      /bearer$/i.test(before) ||
      (/basic$/i.test(before) && !IN_PROSE.test(word)) ||
      (before.startsWith('--') && !before.includes('=') && isSecret(before));
    before = word;
    return isMasked ? MASK : word;
  });
}

/** `Basic authentication`, `a basic Test.` */
const IN_PROSE = /^[A-Z]?[a-z]+[.,:;!?]?$/;

// ---- names and values

/**
 * Values after a name of a secret and `=` or `:`: a query, a setting, JSON, YAML, a line of a header
 * (`Authorization: …`, `Cookie: …`).
 */
function maskNamed(text: string): string {
  let masked = '';
  let done = 0;
  for (const { 0: sign, index } of text.matchAll(/[=:]/g)) {
    if (index < done || !isAssignment(text, index)) continue;
    const { name, isQuoted } = nameBefore(text, index);
    // `JsonWebTokenError: …` is the name of an error.
    if (!isSecret(name) || (sign === ':' && /(?:error|exception)$/i.test(name))) continue;
    const [start, end] = valueAfter(text, index, isQuoted);
    if (start === end) continue;
    masked += text.slice(done, start) + MASK;
    done = end;
  }
  return masked + text.slice(done);
}

/** Neither an operator (`==`, `!=`, `=>`, `::`), nor a place in a file (`token.js:10:5`). */
function isAssignment(text: string, index: number): boolean {
  const sign = text[index]!;
  const next = text[index + 1] ?? '';
  if (next === sign || text[index - 1] === sign || (sign === '=' && next === '>')) return false;
  if (sign === '=') return !/[!<>]/.test(text[index - 1] ?? '');
  return !/^\d{1,9}:\d/.test(text.slice(index + 1, index + 12));
}

/** A name is not longer, or its end tells enough of it. */
const MAX_NAME = 64;

/** The name that ends before a sign, with space or a quotation mark between them or without. */
function nameBefore(text: string, sign: number): { name: string; isQuoted: boolean } {
  const first = Math.max(0, sign - MAX_NAME);
  let end = sign;
  while (end > first && /[ \t"'\\]/.test(text[end - 1]!)) end--;
  let start = end;
  while (start > first && /[\w.$%[\]-]/.test(text[start - 1]!)) start--;
  return { name: text.slice(start, end), isQuoted: /["']/.test(text.slice(end, sign)) };
}

/** Where the value after a sign begins and ends. */
function valueAfter(text: string, sign: number, inJson: boolean): [start: number, end: number] {
  const start = endOf(/[= \t]*/y, text, sign + 1);
  const [quotes] = match(/\\*["'`]/y, text, start);
  if (quotes !== '')
    return [start + quotes.length, closingQuotes(text, start + quotes.length, quotes)];
  if (text[start] === '{' || text[start] === '[') return [start, closingBracket(text, start)];
  if (inJson) return [start, endOf(/[^,}\]\s]*/y, text, start)];
  // Of a line that goes on after a space, nobody can tell where the value ends.
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

/** Where a text in quotation marks ends; in JSON within JSON they have backslashes of their own. */
function closingQuotes(text: string, start: number, quotes: string): number {
  const backslashes = quotes.length - 1;
  for (let at = text.indexOf(quotes, start); at >= 0; at = text.indexOf(quotes, at + 1)) {
    let before = at;
    while (text[before - 1] === '\\' && before > start) before--;
    if (backslashes > 0 || (at - before) % 2 === 0) return at;
  }
  return text.length;
}

/** The bracket that closes the one at a position; those in strings are taken for others, which masks more. */
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

/** Tokens that can be told by how they begin: JWT (RFC 7519 § 3.1), and those of well-known services. */
function maskTokens(text: string): string {
  return text.replaceAll(/[\w.-]+/g, (run) => {
    const start = run.search(
      /(?<![A-Za-z0-9])(?:eyJ|gh[opsur]_|github_pat_|glpat-|xox[a-z]-|sk[-_]|npm_|AKIA|ASIA|AIza)/,
    );
    if (start < 0) return run;
    const token = run.slice(start);
    const isToken = token.startsWith('eyJ')
      ? /^eyJ[\w-]*\.[\w-]/.test(token)
      : /^[A-Za-z]{2,6}[\w-]{16}/.test(token);
    return isToken ? run.slice(0, start) + MASK : run;
  });
}
