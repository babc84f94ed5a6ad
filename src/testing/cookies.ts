/** The cookies of a test client: those of one site, stored as in a browser (RFC 6265 § 5). */

interface Cookie {
  value: string;
  path: string;
  /** Sent over https only. */
  secure: boolean;
  /** When it expires, as `Date.now()`. */
  expires: number;
}

/** Cookies of one site, as a browser keeps them (RFC 6265 § 5). Their Domain does not count. */
export class CookieJar {
  // By name and path: cookies with one name may have different paths.
  readonly #cookies = new Map<string, Cookie & { name: string }>();

  /**
   * The value of a cookie; undefined when there is none.
   *
   * @param path to which the cookie is sent; default `/`
   */
  get(name: string, path = '/'): string | undefined {
    return this.#matching(path, true).find((cookie) => cookie.name === name)?.value;
  }

  /**
   * Sets a cookie that does not expire, in place of one with the same name and path.
   *
   * @param path below which it is sent; default `/`
   */
  set(name: string, value: string, path = '/'): void {
    this.#cookies.set(`${name};${path}`, { name, value, path, secure: false, expires: Infinity });
  }

  /** Deletes all cookies. */
  clear(): void {
    this.#cookies.clear();
  }

  /**
   * Keeps what `Set-Cookie` headers say (RFC 6265 § 5.2, § 5.3).
   *
   * @param setCookies their values
   * @param target path and query of the request that was answered with them
   */
  store(setCookies: readonly string[], target: string): void {
    for (const text of setCookies) {
      const [pair = '', ...attributes] = text.split(';');
      const [name, value] = split(pair);
      if (name === '') continue;
      const cookie = readAttributes(attributes, value, defaultPath(target));
      const key = `${name};${cookie.path}`;
      if (cookie.expires <= Date.now()) this.#cookies.delete(key);
      else this.#cookies.set(key, { name, ...cookie });
    }
  }

  /**
   * The value of the `Cookie` header for a request (RFC 6265 § 5.4); undefined when there is nothing to send.
   *
   * @param target path and query of the request
   * @param isTls whether cookies with the attribute Secure are sent
   */
  header(target: string, isTls: boolean): string | undefined {
    const cookies = this.#matching(pathOf(target), isTls);
    if (cookies.length === 0) return undefined;
    return cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
  }

  /** The cookies for a path. Longer paths come first (§ 5.4). */
  #matching(path: string, isTls: boolean): (Cookie & { name: string })[] {
    const now = Date.now();
    return [...this.#cookies.values()]
      .filter((cookie) => cookie.expires > now && (isTls || !cookie.secure))
      .filter((cookie) => matches(path, cookie.path))
      .toSorted((a, b) => b.path.length - a.path.length);
  }
}

function readAttributes(attributes: readonly string[], value: string, path: string): Cookie {
  const cookie: Cookie = { value, path, secure: false, expires: Infinity };
  let maxAge: number | undefined;
  for (const attribute of attributes) {
    const [name, text] = split(attribute);
    const lower = name.toLowerCase();
    if (lower === 'path' && text.startsWith('/')) cookie.path = text;
    else if (lower === 'secure') cookie.secure = true;
    else if (lower === 'max-age' && /^-?\d+$/.test(text)) maxAge = Number(text);
    else if (lower === 'expires') cookie.expires = parseDate(text);
  }
  // Max-Age has precedence over Expires (§ 5.3).
  if (maxAge !== undefined) cookie.expires = Date.now() + maxAge * 1000;
  return cookie;
}

/** An invalid date is ignored (§ 5.2.1). */
function parseDate(text: string): number {
  const date = Date.parse(text);
  return Number.isNaN(date) ? Infinity : date;
}

/** Splits `name=value`. Text without `=` is a name, as in the attribute `Secure`. */
function split(pair: string): [name: string, value: string] {
  const equals = pair.indexOf('=');
  if (equals < 0) return [pair.trim(), ''];
  return [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()];
}

function pathOf(target: string): string {
  return /^[^?]*/.exec(target)![0];
}

/** The default path of a cookie: the folder of the request (§ 5.1.4). */
function defaultPath(target: string): string {
  const path = pathOf(target);
  const end = path.lastIndexOf('/');
  return end <= 0 ? '/' : path.slice(0, end);
}

function matches(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}
