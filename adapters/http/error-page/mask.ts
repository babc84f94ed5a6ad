/** What the page shows of values: secrets, as far as their name tells that they are such, not at all. */

import { inspect } from 'node:util';

/** In place of a secret. */
export const MASK = '••••••••';

/** Parts of names, with `-` and `_` and the case of letters left out. */
const SECRET =
  /authorization|authtoken|cookie|credential|csrf|xsrf|jwt|passw|passphrase|pwd|secret|session|signature|token|(?:api|access|private|secret|client|encryption|signing)key|(?:^|http|x)(?:auth|sid|key)$/;

/** Whether something with this name is not to be shown: `HTTP_COOKIE`, `apiKey`, `client_secret`. */
export function isSecret(name: string): boolean {
  return SECRET.test(name.toLowerCase().replaceAll(/[^a-z0-9]/g, ''));
}

/** A value as text, in which nothing that lies below the name of a secret is shown. */
export function describeValue(name: string, value: unknown): string {
  if (isSecret(name)) return MASK;
  if (typeof value === 'string') return clip(maskParameters(value));
  return clip(inspect(masked(value, MAX_DEPTH), { getters: false, breakLength: 72 }));
}

const MAX_DEPTH = 4;

/** A copy of plain objects and arrays; of everything else no more than what it is. */
function masked(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return maskParameters(value);
  if (value === null || typeof value !== 'object') return value;
  if (depth === 0 || !isPlain(value)) {
    const text = inspect(value, { depth: -1, customInspect: false });
    return { [inspect.custom]: () => text };
  }
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [] : {};
  for (const [name, { value: item }] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
    if (Array.isArray(value) && name === 'length') continue;
    // Not by assignment, which a name such as __proto__ would make something else of.
    const shown: unknown = isSecret(name) ? MASK : masked(item, depth - 1);
    Object.defineProperty(copy, name, { value: shown, enumerable: true });
  }
  return copy;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

/** The parameters of a text that is a query or a URL with one, and the password of a URL. */
function maskParameters(text: string): string {
  const query = text.indexOf('?') + 1;
  return maskQuery(text.slice(0, query) + maskQuery(text.slice(query))).replaceAll(
    /(:\/\/[^/?#\s:@]*):[^/?#\s@]+@/g,
    `$1:${MASK}@`,
  );
}

function maskQuery(text: string): string {
  return text.replaceAll(/([^=&;#\s]+)=([^&;#\s]+)/g, (whole, name: string) =>
    isSecret(name) ? `${name}=${MASK}` : whole,
  );
}

const MAX_LENGTH = 8192;

/** As much as can be read. */
export function clip(text: string): string {
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}
