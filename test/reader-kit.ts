/** What the tests of codecs for a request's variables (SCGI, uwsgi) have in common. */

import * as fc from 'fast-check';
import { expect } from 'vitest';

import { EMPTY } from '../src/bytes.ts';
import { GatewayError } from '../src/errors.ts';
import type { VariablesReader } from '../src/one-request/gateway.ts';

/** What became of a request. */
export interface Outcome {
  /** Name, value, name, value …; none while they are not complete. */
  variables: readonly string[];
  /** What came behind them, as a byte string; undefined while they are not complete. */
  body: string | undefined;
}

/** Feeds a codec. @throws what it throws */
export function read(reader: VariablesReader, chunks: Iterable<Buffer>): Outcome {
  let body: string | undefined;
  for (const chunk of chunks) {
    if (body !== undefined) body += chunk.toString('latin1');
    else body = reader.push(chunk)?.toString('latin1');
  }
  return { variables: reader.variables, body };
}

/** The same, with the code of what is thrown, which must be an error of ours. */
export function readOrRefuse(reader: VariablesReader, chunks: Iterable<Buffer>): Outcome | string {
  try {
    return read(reader, chunks);
  } catch (error) {
    expect(error).toBeInstanceOf(GatewayError);
    return (error as GatewayError).code;
  }
}

export function pairsOf({ variables }: Outcome): [name: string, value: string][] {
  return Array.from({ length: variables.length / 2 }, (_, i) => [
    variables[2 * i]!,
    variables[2 * i + 1]!,
  ]);
}

/** Cut at these places, in any order; those behind the end are counted from the beginning again. */
export function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = places.map((at) => at % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [...ends, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
}

/** In two pieces at every place, byte by byte, and byte by byte with nothing in between. */
export function* everySplit(bytes: Buffer): Generator<Buffer[]> {
  for (let at = 0; at <= bytes.length; at++) yield cutAt(bytes, [at]);
  const singly = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  yield singly;
  yield singly.flatMap((byte) => [EMPTY, byte, EMPTY]);
}

/** Byte strings. @param lowest code unit that may occur */
export function byteString(lowest: number, minLength: number): fc.Arbitrary<string> {
  const unit = fc.integer({ min: lowest, max: 255 }).map((code) => String.fromCharCode(code));
  return fc.string({ unit, minLength, maxLength: 20 });
}

/** Places to cut at. */
export const places = fc.array(fc.nat(600), { maxLength: 12 });

/** Places and what is written there. */
export const damages = fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 4 });

export function damage(
  bytes: Buffer,
  where: Iterable<readonly [at: number, byte: number]>,
): Buffer {
  const damaged = Buffer.from(bytes);
  for (const [at, byte] of where) damaged[at % damaged.length] = byte;
  return damaged;
}
