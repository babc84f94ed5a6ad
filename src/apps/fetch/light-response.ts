/**
 * A `Response` that does no work before its members are used.
 *
 * Most handlers make one from text or bytes and a few headers, and return it. The platform's class makes a stream from the
 * body, which then has to be read again: that takes longer than the rest of a small request. This class keeps the
 * arguments. It makes the platform's object at the first use of any member but the status.
 */

import { isToken } from '../../response/headers.ts';
import type { Header } from '../../types.ts';
import { replaceGlobal, delegateToNative } from './light.ts';

type Source = ConstructorParameters<typeof Response>[0];

/** The parts of a light response whose members were not used. */
export interface LightParts {
  status: number;
  /** Names in lower case, as in the platform's class. */
  headers: Header[];
  /** Text as it was given: it is sent as UTF-8. */
  body: Uint8Array | string | undefined;
}

/** The platform's class. Set by {@link installLightResponse}, and not earlier: Node loads all of fetch when it is read. */
let Native: typeof Response;

class LightResponse {
  readonly #source: string | Uint8Array | null = null;
  readonly #init: ResponseInit | undefined;
  #native: Response | undefined;

  constructor(source: Source = null, init?: ResponseInit) {
    // Everything else is left to the platform's class, which also checks it.
    if (isPlainSource(source) && isPlainInit(init, source !== null)) {
      this.#source = source;
      this.#init = init;
    } else {
      this.#native = new Native(source, init);
    }
  }

  /** Objects of both classes are instances of Response. For a class that extends it, the ordinary rule holds. */
  static [Symbol.hasInstance](value: unknown): boolean {
    if ((this as unknown) === LightResponse) return value instanceof Native;
    return Function.prototype[Symbol.hasInstance].call(this, value);
  }

  /** The parts; undefined for a response whose members were used, and for any other object. */
  static partsOf(response: object): LightParts | undefined {
    if (!(#native in response) || response.#native !== undefined) return undefined;
    const source = response.#source;
    const headers = headersOf(response.#init);
    const hasType = headers.some(([name]) => name === 'content-type');
    if (typeof source === 'string' && !hasType) headers.push(TEXT);
    return { status: response.status, headers, body: source ?? undefined };
  }

  static nativeOf(response: LightResponse): Response {
    response.#native ??= new Native(response.#source, response.#init);
    return response.#native;
  }

  get status(): number {
    return this.#native?.status ?? this.#init?.status ?? 200;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }
}

/** Fetch § 4.3, "extract a body", step 9. */
const TEXT: Header = ['content-type', 'text/plain;charset=UTF-8'];

function headersOf(init: ResponseInit | undefined): Header[] {
  const headers = Object.entries((init?.headers ?? {}) as Record<string, string>);
  return headers.map(([name, value]) => [name.toLowerCase(), value]);
}

function isPlainSource(source: unknown): source is string | Uint8Array | null {
  return source === null || typeof source === 'string' || source instanceof Uint8Array;
}

/** Whether there are only a valid final status, without a body if it allows none, and plain headers in a plain object. */
function isPlainInit(init: ResponseInit | undefined, hasBody: boolean): boolean {
  if (init === undefined) return true;
  const { status = 200, statusText = '', headers = {} } = init;
  if (!Number.isInteger(status) || status < 200 || status > 599 || statusText !== '') return false;
  if (hasBody && (status === 204 || status === 205 || status === 304)) return false;
  if (Object.getPrototypeOf(headers) !== Object.prototype) return false;
  return Object.entries(headers).every(isPlainHeader);
}

/** A value that needs no change and is valid: for example without spaces at its ends. */
const PLAIN_VALUE = /^[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?$/;

function isPlainHeader([name, value]: [name: string, value: unknown]): boolean {
  return typeof value === 'string' && PLAIN_VALUE.test(value) && isToken(name);
}

/** The parts of a light response that the handler has made and returned, without using it. */
export const lightPartsOf: (response: object) => LightParts | undefined = LightResponse.partsOf;

/**
 * Replaces the global `Response`, so that handlers make light responses. `instanceof` is true for objects of both classes
 * with either class.
 */
export function installLightResponse(): void {
  if ((globalThis.Response as unknown) === LightResponse) return;
  if (Native === undefined) {
    Native = globalThis.Response;
    delegateToNative(LightResponse, Native, LightResponse.nativeOf);
    Object.setPrototypeOf(LightResponse, Native); // json(), redirect(), error()
    Object.defineProperty(LightResponse, 'name', { value: 'Response' });
  }
  replaceGlobal('Response', LightResponse);
}
