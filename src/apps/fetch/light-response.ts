/**
 * A `Response` that costs nothing until somebody looks into it.
 *
 * Most handlers make one of text or bytes and a few headers, and return it. The platform's class builds a
 * stream around the body, which then has to be read again: more than all the rest of a small request. This
 * one keeps what it was given, and becomes the platform's own at the first use of anything but its status.
 */

import { isToken } from '../../response/headers.ts';
import type { Header } from '../../types.ts';
import { replaceGlobal, delegateToNative } from './light.ts';

type Source = ConstructorParameters<typeof Response>[0];

/** What a response was made of that nobody has looked into. */
export interface LightParts {
  status: number;
  /** Names in lower case, as the platform's own has them. */
  headers: Header[];
  /** Text as it was given: it is sent as UTF-8. */
  body: Uint8Array | string | undefined;
}

/**
 * The platform's class, from {@link installLightResponse} on. Not before: Node loads its whole fetch with the
 * first look at it.
 */
let Native: typeof Response;

class LightResponse {
  readonly #source: string | Uint8Array | null = null;
  readonly #init: ResponseInit | undefined;
  #native: Response | undefined;

  constructor(source: Source = null, init?: ResponseInit) {
    // What is not plain, or not right, is the platform's to judge.
    if (isPlainSource(source) && isPlainInit(init, source !== null)) {
      this.#source = source;
      this.#init = init;
    } else {
      this.#native = new Native(source, init);
    }
  }

  /** Both kinds are a Response; a class that extends it is asked as any other. */
  static [Symbol.hasInstance](value: unknown): boolean {
    if ((this as unknown) === LightResponse) return value instanceof Native;
    return Function.prototype[Symbol.hasInstance].call(this, value);
  }

  /** undefined for a response that somebody has looked into, or that is another one's. */
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

/** A final status that goes with a body or its lack, and nothing but simple headers in a simple object. */
function isPlainInit(init: ResponseInit | undefined, hasBody: boolean): boolean {
  if (init === undefined) return true;
  const { status = 200, statusText = '', headers = {} } = init;
  if (!Number.isInteger(status) || status < 200 || status > 599 || statusText !== '') return false;
  if (hasBody && (status === 204 || status === 205 || status === 304)) return false;
  if (Object.getPrototypeOf(headers) !== Object.prototype) return false;
  return Object.entries(headers).every(isPlainHeader);
}

/** A value without a space at its ends, or anything else that would have to be repaired or refused. */
const PLAIN_VALUE = /^[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?$/;

function isPlainHeader([name, value]: [name: string, value: unknown]): boolean {
  return typeof value === 'string' && PLAIN_VALUE.test(value) && isToken(name);
}

/** The parts of a response of this kind that was only made and returned. */
export const lightPartsOf: (response: object) => LightParts | undefined = LightResponse.partsOf;

/**
 * Makes this the `Response` of the process, so that handlers make it without knowing. `instanceof Response`
 * holds for both kinds, in both directions.
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
