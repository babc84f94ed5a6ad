/**
 * Whose the first argument of a CGI program is: the operator's or the visitor's.
 *
 * A web server makes arguments of a query string that has no `=` (RFC 3875 § 4.4), and each server does it in
 * its own way. Apache splits at the plus signs, decodes each word, puts a backslash before what means something
 * to a shell, and leaves out all words beyond 4,094. thttpd leaves out a last word that is empty. Python's
 * http.server makes one argument of the whole. A wrapper with an unquoted `$*` splits once more, at decoded blanks.
 *
 * So nothing is decided by decoding, nor by counting. What counts is text that no server changes.
 */

import { statSync } from 'node:fs';

/** Characters that mean themselves in a query string and to a shell: no server and no wrapper changes them. */
const PLAIN = /^[\w.~/-]*/;
const BEGINS_PLAIN = /^[\w.~/-]/;
/** What no server turns into plain characters: the end, a plus sign, a byte beyond ASCII. */
const NEVER_PLAIN = /^(?:$|\+|%[89a-f][\da-f]|[^\0-\x7f])/i;
/** Windows has characters beyond ASCII become similar ones of ASCII, a soft hyphen `-` (CVE-2024-4577). */
const NEVER_PLAIN_ON_WINDOWS = /^(?:$|\+)/;

/**
 * Why the first argument may be the visitor's.
 *
 * @param argument the first argument
 * @param environment of the process
 * @returns undefined when nothing that a visitor sends can have become this argument
 */
export function whyUntrusted(argument: string, environment: NodeJS.ProcessEnv): string | undefined {
  const { SCRIPT_FILENAME: script, QUERY_STRING: query = '' } = environment;
  if (script !== undefined) {
    // Reached as a program itself: by a ScriptAlias, by node_modules in a web space. All arguments are the server's.
    if (isSameFile(script, process.argv[1]!)) return 'the web server has started postern itself';
    // `#!/usr/bin/env postern`: the argument is the program that the server has started.
    if (isSameFile(script, argument)) return undefined;
  }
  const isIndexed = query !== '' && !query.includes('=');
  return isIndexed && mayComeFrom(query, argument)
    ? 'the first argument may come from the query string'
    : undefined;
}

/**
 * Whether a server or a wrapper can have made an argument of an indexed query. Where the query has something
 * that may be decoded, anything may follow.
 *
 * @param query not empty
 */
function mayComeFrom(query: string, argument: string): boolean {
  // Empty words at the beginning may be lost, or become blanks.
  const text = query.replace(/^\++/, '');
  const given = argument.replaceAll('\\', '').replace(/^[ +]+/, '');
  const [plain] = PLAIN.exec(text)!;
  if (!given.startsWith(plain)) return false;
  const neverPlain = process.platform === 'win32' ? NEVER_PLAIN_ON_WINDOWS : NEVER_PLAIN;
  if (!neverPlain.test(text.slice(plain.length))) return true;
  return !BEGINS_PLAIN.test(given.slice(plain.length));
}

function isSameFile(one: string, other: string): boolean {
  try {
    const [a, b] = [one, other].map((path) => statSync(path, { bigint: true }));
    return a!.dev === b!.dev && a!.ino === b!.ino;
  } catch {
    return false; // one of them is not there
  }
}
