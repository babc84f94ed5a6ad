/** Headers in order, found without regard to case, as Python's wsgiref.headers has them. */

import { HeaderError } from '../errors.ts';
import type { Header } from '../types.ts';
import { checkName, checkValue, inspect, isToken } from './headers.ts';

/** Parameters of {@link Headers.addHeader}; null gives the bare name, `_` in a name stands for `-`. */
export type HeaderParams = Readonly<Record<string, string | number | null>>;

/** Headers of a response, in order, found without regard to case, as wsgiref.headers.Headers. */
export class Headers implements Iterable<Header> {
  #list: [name: string, value: string][] = [];

  /**
   * @param init headers to begin with; they are copied
   * @throws {HeaderError} for one that no response may carry
   */
  constructor(init: Iterable<Header> = []) {
    for (const [name, value] of init) this.append(name, value);
  }

  /** Number of headers, repeated ones counted each time. */
  get size(): number {
    return this.#list.length;
  }

  /** The first value of a name; undefined when there is none. */
  get(name: string): string | undefined {
    const lower = name.toLowerCase();
    return this.#list.find((header) => header[0].toLowerCase() === lower)?.[1];
  }

  /** All values of a name, in order; empty when there is none. */
  getAll(name: string): string[] {
    const lower = name.toLowerCase();
    return this.#list
      .filter((header) => header[0].toLowerCase() === lower)
      .map((header) => header[1]);
  }

  /** Whether there is a header of this name. */
  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /**
   * Replaces all values of a name by one, at the end.
   *
   * @throws {HeaderError} for a header that no response may carry; then nothing is changed
   */
  set(name: string, value: string): this {
    this.#check(name, value);
    this.delete(name);
    this.#list.push([name, value]);
    return this;
  }

  /**
   * Adds a value and keeps the ones there are.
   *
   * @throws {HeaderError} for a header that no response may carry
   */
  append(name: string, value: string): this {
    this.#check(name, value);
    this.#list.push([name, value]);
    return this;
  }

  /**
   * Removes all values of a name.
   *
   * @returns whether there were any
   */
  delete(name: string): boolean {
    const lower = name.toLowerCase();
    const before = this.#list.length;
    this.#list = this.#list.filter((header) => header[0].toLowerCase() !== lower);
    return this.#list.length < before;
  }

  /**
   * The first value of a name. When there is none, `value` is added.
   *
   * @throws {HeaderError} when it is added, and no response may carry it
   */
  setDefault(name: string, value: string): string {
    const present = this.get(name);
    if (present !== undefined) return present;
    this.append(name, value);
    return value;
  }

  /**
   * Adds a header with parameters, quoted:
   * `addHeader('Content-Disposition', 'attachment', { filename: 'a b.txt' })`.
   *
   * @param value what stands before the parameters; null for nothing
   * @throws {HeaderError} for a name of a parameter that is no token, and for a header that no response may carry
   */
  addHeader(name: string, value: string | null, params: HeaderParams = {}): this {
    const parts = value === null ? [] : [value];
    for (const [key, param] of Object.entries(params)) {
      const token = key.replaceAll('_', '-');
      if (!isToken(token)) throw new HeaderError(`parameter name ${inspect(key)} is not a token`);
      parts.push(param === null ? token : `${token}="${quote(String(param))}"`);
    }
    return this.append(name, parts.join('; '));
  }

  /** The headers as `startResponse` takes them: a copy. */
  toArray(): [name: string, value: string][] {
    return this.#list.map(([name, value]) => [name, value]);
  }

  /** Iterates over a copy of the headers. */
  [Symbol.iterator](): IterableIterator<Header> {
    return this.toArray()[Symbol.iterator]();
  }

  /** Names in order, repeated ones each time. */
  keys(): string[] {
    return this.#list.map((header) => header[0]);
  }

  /** Values in the order of {@link keys}. */
  values(): string[] {
    return this.#list.map((header) => header[1]);
  }

  /** One line for each header and an empty one, each ended by CRLF. */
  toString(): string {
    return `${this.#list.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  }

  /** {@link toString} as bytes, latin-1. */
  toBytes(): Buffer {
    return Buffer.from(this.toString(), 'latin1');
  }

  #check(name: string, value: string): void {
    checkName(name);
    checkValue(name, value);
  }
}

/** quoted-string, RFC 9110 § 5.6.4. */
function quote(text: string): string {
  return text.replace(/[\\"]/g, '\\$&');
}
