/**
 * Name–value pairs (FastCGI 1.0 § 3.4): length of the name and of the value, each one byte up to 127 or
 * else four bytes with the top bit set; then name and value.
 */

import { EMPTY } from '../../src/bytes.ts';
import { LimitError, ProtocolError } from '../../src/errors.ts';

/**
 * Decodes the PARAMS of requests, one whole stream after the other.
 *
 * Front ends send the same names in the same order every time, and mostly the same values: a pair whose
 * bytes are those of the pair at the same place in the stream before keeps its strings. Comparing is
 * several times cheaper than making strings.
 */
export class ParamsDecoder {
  /** Names of the last stream, as byte strings, `''` for pairs to be left out; {@link count} are valid. */
  readonly names: string[] = [];
  /** Their values. */
  readonly values: string[] = [];
  /** Number of pairs in the last stream. */
  count = 0;
  /** Whether a name occurs twice in the last stream. */
  hasRepeats = false;

  readonly #isWanted: (name: string, value: string) => boolean;
  #block: DataView = view(EMPTY); // holds the last stream
  readonly #starts: number[] = [0]; // where its pairs begin, and where the last one ends

  /** @param isWanted asked when a pair changes; default: all are wanted */
  constructor(isWanted: (name: string, value: string) => boolean = () => true) {
    this.#isWanted = isWanted;
  }

  /**
   * Decodes a stream into {@link names} and {@link values}, where they stay until the next call.
   *
   * @param block the content of all PARAMS records from `from` to `end`; must not change afterwards
   * @param maxPairs more are refused
   * @throws {ProtocolError} when a length points behind the end
   * @throws {LimitError} when there are too many pairs
   */
  decode(block: Buffer, from: number, end: number, maxPairs: number): void {
    const starts = this.#starts;
    const last = this.#block;
    const current = view(block);
    const known = this.count;
    this.count = 0; // after an exception nothing is known
    let isNew = false; // a name, or that a pair counts
    let i = 0;
    let at = from;
    for (let start = from; start < end; start = at) {
      if (i === maxPairs) throw new LimitError('maxParams', `more than maxParams (${maxPairs})`);
      const lastStart = starts[i]!;
      const size = i < known ? starts[i + 1]! - lastStart : 0;
      if (size > 0 && start + size <= end && isSame(current, start, last, lastStart, size)) {
        at = start + size;
      } else {
        const name = this.names[i];
        at = this.#decodePair(block, start, end, i);
        isNew ||= this.names[i] !== name;
      }
      starts[i++] = start; // its old value has been used; that of the next pair is still there
    }
    starts[i] = end;
    if (isNew || i !== known) this.hasRepeats = hasRepeats(this.names.slice(0, i));
    this.#block = current;
    this.count = i;
  }

  /** @returns where the pair ends */
  #decodePair(block: Buffer, start: number, limit: number, index: number): number {
    const nameLength = readLength(block, start, limit);
    const second = start + sizeOfLength(block, start);
    const valueLength = readLength(block, second, limit);
    const name = second + sizeOfLength(block, second);
    const value = name + nameLength;
    const end = value + valueLength;
    if (end > limit) {
      throw new ProtocolError(
        `a variable of ${nameLength} + ${valueLength} bytes runs past the end of PARAMS`,
      );
    }
    const nameText = block.toString('latin1', name, value);
    const valueText = block.toString('latin1', value, end);
    this.names[index] = this.#isWanted(nameText, valueText) ? nameText : '';
    this.values[index] = valueText;
    return end;
  }
}

/** Decodes pairs once: the content of a GET_VALUES record (§ 4.1). @throws {ProtocolError} as above */
export function decodePairs(block: Buffer): [name: string, value: string][] {
  const decoder = new ParamsDecoder();
  decoder.decode(block, 0, block.length, block.length);
  return decoder.names.map((name, i) => [name, decoder.values[i]!]);
}

/** Encodes pairs of byte strings: the content of a GET_VALUES_RESULT record. */
export function encodePairs(pairs: Iterable<readonly [name: string, value: string]>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of pairs) {
    parts.push(encodeLength(name.length), encodeLength(value.length));
    parts.push(Buffer.from(name + value, 'latin1'));
  }
  return Buffer.concat(parts);
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE((length | 0x80000000) >>> 0);
  return bytes;
}

/** The short form is not obligatory for small numbers: the top bit alone tells (§ 3.4). */
function sizeOfLength(block: Buffer, at: number): 1 | 4 {
  return block[at]! < 0x80 ? 1 : 4;
}

/** @throws {ProtocolError} when the pairs end inside the length */
function readLength(block: Buffer, at: number, limit: number): number {
  if (at < limit && block[at]! < 0x80) return block[at]!;
  if (at + 4 > limit) throw new ProtocolError('PARAMS end inside a length');
  return block.readUInt32BE(at) & 0x7fffffff;
}

function hasRepeats(names: readonly string[]): boolean {
  const wanted = names.filter((name) => name !== '');
  return new Set(wanted).size < wanted.length;
}

function view(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Four bytes at a time: a call of Buffer.compare costs as much as some hundred of them. */
function isSame(a: DataView, aStart: number, b: DataView, bStart: number, length: number): boolean {
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    if (a.getInt32(aStart + i) !== b.getInt32(bStart + i)) return false;
  }
  for (; i < length; i++) if (a.getInt8(aStart + i) !== b.getInt8(bStart + i)) return false;
  return true;
}
