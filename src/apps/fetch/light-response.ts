/**
 * A `Response` that does no work before its members are used.
 *
 * Most handlers make one from text or bytes and a few headers, and return it. The platform's class makes a stream from the
 * body, which then has to be read again: that takes longer than the rest of a small request. This class copies the
 * arguments. It makes the platform's object at the first use of any member but the status.
 */

import { memoize } from '../../bytes.ts';
import { isToken } from '../../response/headers.ts';
import type { Header } from '../../types.ts';
import { delegateToNative, isPlatformClass, replaceGlobal } from './light.ts';

type Source = ConstructorParameters<typeof Response>[0];

/** What a light response consists of. Nothing of it is shared with the caller, who may change the arguments. */
export interface LightParts {
  readonly status: number;
  /** Names in lower case, as in the platform's class. */
  readonly headers: readonly Header[];
  /** Text as it was given: it is sent as UTF-8. */
  readonly body: Uint8Array | string | null;
}

/** The platform's class. Set by {@link installLightResponse}, and not earlier: Node loads all of fetch when it is read. */
let Native: typeof Response;

/** The parts of a light response whose members were not used; undefined for any other object. */
export let lightPartsOf: (response: object) => LightParts | undefined;

/** Gives the platform's object for a light response. */
let nativeOf: (response: LightResponse) => Response;

class LightResponse {
  /** Undefined if the arguments were left to the platform's class. */
  readonly #parts: LightParts | undefined;
  #native: Response | undefined;

  constructor(source: Source = null, init?: ResponseInit) {
    this.#parts = copyArguments(source, init);
    if (this.#parts === undefined) this.#native = new Native(source, init);
  }

  /** Objects of both classes are instances of Response. For a class that extends it, the ordinary rule holds. */
  static [Symbol.hasInstance](value: unknown): boolean {
    if ((this as unknown) === LightResponse) return value instanceof Native;
    return Function.prototype[Symbol.hasInstance].call(this, value);
  }

  // Not static methods: handlers would see them.
  static {
    lightPartsOf = (response) => {
      if (!(#parts in response) || response.#native !== undefined) return undefined;
      // A class that extends this one may have other members.
      const isExtended = Object.getPrototypeOf(response) !== LightResponse.prototype;
      return isExtended ? undefined : response.#parts;
    };
    nativeOf = (response) => (response.#native ??= makeNative(response.#parts!));
  }

  get status(): number {
    return this.#native?.status ?? this.#parts!.status;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }
}

function makeNative({ status, headers, body }: LightParts): Response {
  return new Native(body as Source, { status, headers: headers as [string, string][] });
}

/** Copies the arguments of a usual response. All others are left to the platform's class, which also checks them. */
function copyArguments(
  source: Source,
  init: ResponseInit | null | undefined,
): LightParts | undefined {
  const isText = typeof source === 'string';
  if (!isText && source !== null && !isPlainBytes(source)) return undefined;
  if (init !== undefined && init !== null && typeof init !== 'object') return undefined;
  const { status = 200, statusText = '', headers: given = NO_HEADERS } = init ?? NO_INIT;
  if (statusText !== '' || !isPlainStatus(status, source !== null)) return undefined;
  const headers = copyHeaders(given);
  if (headers === undefined) return undefined;
  if (isText && !includes(headers, 'content-type')) headers.push(TEXT);
  return { status, headers, body: isText || source === null ? source : copyBytes(source) };
}

const NO_INIT: ResponseInit = {};
const NO_HEADERS = {};

/** Fetch § 4.3, "extract a body", step 9. */
const TEXT: Header = ['content-type', 'text/plain;charset=UTF-8'];

/** Whether these are bytes that have to be copied, and can be: an empty view may be one whose buffer was transferred. */
function isPlainBytes(source: unknown): source is Uint8Array {
  return source instanceof Uint8Array && source.length > 0 && isPlainBuffer(source.buffer);
}

function copyBytes(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.allocUnsafe(bytes.length);
  copy.set(bytes);
  return copy;
}

function isPlainBuffer(buffer: ArrayBufferLike): boolean {
  return buffer instanceof ArrayBuffer && !(buffer as { resizable?: boolean }).resizable;
}

/** A status with which a response may be made, and which allows its body (Fetch § 2.2.3, "null body status"). */
function isPlainStatus(status: unknown, hasBody: boolean): status is number {
  if (!Number.isInteger(status) || (status as number) < 200 || (status as number) > 599) {
    return false;
  }
  return !hasBody || (status !== 204 && status !== 205 && status !== 304);
}

/** The headers of a plain object, each of them once and valid; undefined for anything else. */
function copyHeaders(init: unknown): Header[] | undefined {
  if (init === NO_HEADERS) return [];
  if (typeof init !== 'object' || init === null) return undefined;
  if (Object.getPrototypeOf(init) !== Object.prototype) return undefined;
  const names = Object.keys(init);
  if (Object.getOwnPropertyNames(init).length > names.length) return undefined;
  if (Object.getOwnPropertySymbols(init).length > 0) return undefined;
  const headers: Header[] = [];
  for (const name of names) {
    const value = (init as Record<string, unknown>)[name];
    const lower = lowerCaseOf(name);
    if (lower === null || typeof value !== 'string' || !PLAIN_VALUE.test(value)) return undefined;
    if (includes(headers, lower)) return undefined;
    headers.push([lower, value]);
  }
  return headers;
}

/** The name of a header in lower case; null if it is no token. */
const lowerCaseOf = memoize((name: string) => (isToken(name) ? name.toLowerCase() : null));

function includes(headers: readonly Header[], name: string): boolean {
  for (const header of headers) if (header[0] === name) return true;
  return false;
}

/** A value that needs no change and is valid: for example without spaces at its ends. */
const PLAIN_VALUE = /^[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?$/;

/**
 * Replaces the global `Response`, so that handlers make light responses. `instanceof` is true for objects of both classes
 * with either class. If the global is not the platform's class, it stays.
 */
export function installLightResponse(): void {
  const { Response: current } = globalThis;
  if ((current as unknown) === LightResponse || !isPlatformClass(current)) return;
  if (Native === undefined) {
    Native = current;
    delegateToNative(LightResponse, Native, nativeOf);
    Object.defineProperty(LightResponse, 'name', { value: 'Response' });
    for (const name of ['error', 'json', 'redirect'] as const) {
      Object.defineProperty(LightResponse, name, Object.getOwnPropertyDescriptor(Native, name)!);
    }
  }
  replaceGlobal('Response', LightResponse);
}
