/** From names of request headers to those of CGI variables (RFC 3875 § 4.1.18). */

import { isWanted } from '../../src/environ.ts';

/** Names are few, but made by clients: so many are kept. */
const MAX_KNOWN = 512;

/** Kept names: `'User-Agent'` → `'HTTP_USER_AGENT'`; `''` for a header that is dropped. */
export class HeaderNames {
  readonly #known = new Map<string, string>();
  readonly #allowed: ReadonlySet<string>;

  /** @param allowed names with `_` that are let through, in any case */
  constructor(allowed: readonly string[] = []) {
    this.#allowed = new Set(allowed.map((name) => name.toLowerCase()));
  }

  /** @returns the variable for a header, or `''` when it is to be dropped */
  variable(header: string): string {
    return this.#known.get(header) ?? this.#learn(header);
  }

  #learn(header: string): string {
    const variable = this.#name(header);
    if (this.#known.size < MAX_KNOWN) this.#known.set(header, variable);
    return variable;
  }

  #name(header: string): string {
    // `X_Real_IP` would become the same variable as `X-Real-IP` (CVE-2015-0219): nginx and Apache drop it too.
    if (header.includes('_') && !this.#allowed.has(header.toLowerCase())) return '';
    const name = header.toUpperCase().replaceAll('-', '_');
    if (name === 'CONTENT_TYPE' || name === 'CONTENT_LENGTH') return name;
    return isWanted(`HTTP_${name}`, 'any') ? `HTTP_${name}` : '';
  }
}
