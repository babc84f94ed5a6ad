/**
 * Values as text, for one page: short, and without secrets. Long values are cut before anything else is done with them.
 * So the time depends on what is shown, not on the size of the value.
 */

import { inspect, types } from 'node:util';

import { MASK, isSecret, maskSecrets } from './secrets.ts';

/** Characters of one text. */
const MAX_TEXT = 8192;
/** Characters of a text inside a value. */
const MAX_MEMBER_TEXT = 1024;
/** Characters of one name. */
const MAX_NAME = 200;
/** Characters of all texts of a page. */
const MAX_PAGE = 256 * 1024;
/** Members of one value, at all depths. */
const MAX_MEMBERS = 200;
/** How deep members of members are shown. */
const MAX_DEPTH = 4;

/** Makes the texts of one page. */
export class Describer {
  #left = MAX_PAGE;

  /** @param max characters that are shown */
  text(text: string, max: number = MAX_TEXT): string {
    return this.#fit(maskSecrets(clip(text, Math.min(max, this.#left))));
  }

  /** The name of a member or a variable. */
  name(name: string): string {
    return this.text(name, MAX_NAME);
  }

  /** A value. Members whose names mean a secret are masked. No code of the value is run. */
  value(name: string, value: unknown): string {
    if (isSecret(clip(name, MAX_NAME))) return MASK;
    if (typeof value === 'string') return this.text(value);
    if (this.#left === 0) return '…';
    const copy = new Copier().copy(value, MAX_DEPTH);
    return this.#fit(clip(inspect(copy, { depth: MAX_DEPTH, breakLength: 72 }), MAX_TEXT));
  }

  /** Cuts a text to the room that is left on the page. */
  #fit(text: string): string {
    const fitting = clip(text, this.#left);
    this.#left = Math.max(0, this.#left - fitting.length);
    return fitting;
  }
}

function clip(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max)}…` : text;
}

/** Copies plain objects and arrays. Of everything else it tells only the kind. */
class Copier {
  #left = MAX_MEMBERS;

  copy(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return maskSecrets(clip(value, MAX_MEMBER_TEXT));
    if (!isObject(value) && typeof value !== 'function' && typeof value !== 'symbol') return value;
    if (depth === 0 || !isPlain(value)) return asText(kindOf(value));
    return Array.isArray(value) ? this.#copyArray(value, depth) : this.#copyObject(value, depth);
  }

  #copyArray(value: readonly unknown[], depth: number): unknown[] {
    const copy: unknown[] = [];
    for (let i = 0; i < value.length; i++) {
      if (this.#left-- <= 0) {
        copy.push(asText(`… ${value.length - i} more`));
        break;
      }
      copy.push(this.#member(value, String(i), depth));
    }
    return copy;
  }

  #copyObject(value: object, depth: number): object {
    const copy = {};
    const names = Object.keys(value);
    for (const [i, name] of names.entries()) {
      const isRest = this.#left-- <= 0;
      const shown = isRest ? asText(`${names.length - i} more`) : this.#named(value, name, depth);
      // Not an assignment: for a name such as __proto__ that would set something else.
      const key = isRest ? '…' : maskSecrets(clip(name, MAX_NAME));
      Object.defineProperty(copy, key, { value: shown, enumerable: true, configurable: true });
      if (isRest) break;
    }
    return copy;
  }

  #named(value: object, name: string, depth: number): unknown {
    return isSecret(clip(name, MAX_NAME)) ? MASK : this.#member(value, name, depth);
  }

  #member(value: object, name: string, depth: number): unknown {
    const member = Object.getOwnPropertyDescriptor(value, name);
    if (member?.get !== undefined || member?.set !== undefined) return asText('[Getter]');
    return this.copy(member?.value, depth - 1);
  }
}

function isPlain(value: object | symbol): value is object {
  if (typeof value !== 'object' || types.isProxy(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

/** An object that inspect() shows as this text, without quotes. */
function asText(text: string): object {
  const shown = maskSecrets(clip(text, MAX_MEMBER_TEXT));
  return { [inspect.custom]: () => shown };
}

/** The kind of a value. inspect() could tell it, but it reads all members, also those that it does not show. */
function kindOf(value: object | symbol): string {
  if (typeof value === 'symbol') return String(value);
  if (types.isProxy(value)) return '[Proxy]';
  if (typeof value === 'function') return `[Function: ${ownText(value, 'name')}]`;
  if (types.isDate(value)) return `[Date: ${Date.prototype.getTime.call(value)}]`;
  if (types.isRegExp(value)) return RegExp.prototype.toString.call(value);
  const name = classOf(value);
  return types.isNativeError(value) ? `[${name}: ${ownText(value, 'message')}]` : `[${name}]`;
}

/** The name of the nearest constructor. */
function classOf(value: object): string {
  for (
    let at: unknown = value;
    isObject(at) && !types.isProxy(at);
    at = Object.getPrototypeOf(at)
  ) {
    const constructor: unknown = Object.getOwnPropertyDescriptor(at, 'constructor')?.value;
    if (typeof constructor === 'function') return ownText(constructor, 'name') || 'Object';
  }
  return 'Object';
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** A member of type string. Getters are not run. */
function ownText(value: object, name: string): string {
  const text: unknown = Object.getOwnPropertyDescriptor(value, name)?.value;
  return typeof text === 'string' ? text : '';
}
