/** What an application gives: what it is, and its bytes. */

import { isAscii } from '../bytes.ts';
import { ApplicationError } from '../errors.ts';

/** A chunk before it is looked at: anything an application may have yielded. */
export type RawChunk = unknown;

/**
 * Bytes of a chunk. Text is encoded as UTF-8: an application should not rely on it, and the validator
 * complains.
 *
 * @throws {ApplicationError} for anything that is neither bytes nor text
 */
export function toBytes(chunk: RawChunk): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk, 'utf8');
  throw new ApplicationError(
    `a chunk of the body is ${describe(chunk)}, not bytes (Uint8Array or Buffer)`,
  );
}

/** Text up to this length is sent as it is where it is ASCII; longer text is copied once less as bytes. */
const TEXT_LIMIT = 64 * 1024;

/**
 * A chunk that nothing follows, as a byte string where that spares encoding it, or else as bytes.
 *
 * @throws {ApplicationError} as {@link toBytes}
 */
export function toLastChunk(chunk: RawChunk): Uint8Array | string {
  if (typeof chunk === 'string' && chunk.length <= TEXT_LIMIT && isAscii(chunk)) return chunk;
  return toBytes(chunk);
}

/** What kind of thing a value is, for messages: never its content. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  try {
    return `an object of class ${value.constructor?.name ?? '(none)'}`;
  } catch {
    return 'an object that cannot be looked at'; // a revoked Proxy
  }
}

/** Whether a value is to be awaited: a promise, or anything with `then`. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    typeof value === 'object' &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}
