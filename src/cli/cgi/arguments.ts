/**
 * Decides whether the first argument of a CGI program is the operator's or the visitor's.
 *
 * A web server makes arguments from a query string without `=` (RFC 3875 § 4.4), and each server does it differently.
 * Apache splits at plus signs, decodes each word, puts a backslash before shell metacharacters, and drops all words after
 * 4,094. thttpd drops an empty last word. Python's http.server makes one argument from the whole query. A wrapper with an
 * unquoted `$*` splits again, at decoded spaces.
 *
 * So neither decoding nor counting the arguments is reliable. Only characters that no server changes are compared.
 */

import { statSync } from 'node:fs';

/** Characters that are literal in a query string and in a shell: no server and no wrapper changes them. */
const PLAIN = /^[\w.~/-]*/;
const BEGINS_PLAIN = /^[\w.~/-]/;
/** What no server turns into plain characters: the end, a plus sign, a byte that is not ASCII. */
const NEVER_PLAIN = /^(?:$|\+|%[89a-f][\da-f]|[^\0-\x7f])/i;
/** Windows turns some other characters into similar ones of ASCII: a soft hyphen into `-` (CVE-2024-4577). */
const NEVER_PLAIN_ON_WINDOWS = /^(?:$|\+)/;

/**
 * Why the first argument is not trusted: a visitor may have sent it.
 *
 * @param argument the first argument
 * @param environment of the process
 * @returns undefined when no visitor can have sent it
 */
export function whyUntrusted(argument: string, environment: NodeJS.ProcessEnv): string | undefined {
  const { SCRIPT_FILENAME: script, QUERY_STRING: query = '' } = environment;
  if (script !== undefined) {
    // The CGI program is postern itself: by a ScriptAlias, or in a node_modules that the server publishes. Then the
    // server has made all arguments.
    if (isSameFile(script, process.argv[1]!)) return 'the web server has started postern itself';
    // `#!/usr/bin/env postern`: the kernel has added the path of the program that the server has started.
    if (isSameFile(script, argument)) return undefined;
  }
  const isIndexed = query !== '' && !query.includes('=');
  return isIndexed && mayComeFrom(query, argument)
    ? 'the first argument may come from the query string'
    : undefined;
}

/**
 * Whether a server or a wrapper can have made an argument from an indexed query. After the first character of the query
 * that may be decoded, the argument may be anything.
 *
 * @param query not empty
 */
function mayComeFrom(query: string, argument: string): boolean {
  // Empty words at the beginning may be dropped, or become spaces.
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
    return false; // one of them does not exist
  }
}
