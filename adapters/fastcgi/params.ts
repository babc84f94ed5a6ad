/**
 * Name–value pairs (FastCGI 1.0 § 3.4): length of the name, length of the value, name, value. A length is one byte up to
 * 127, or else four bytes with the top bit set.
 */

import { EMPTY, memoize } from '../../src/bytes.ts';
import { LimitError, ProtocolError } from '../../src/errors.ts';

/**
 * Decodes the PARAMS of requests, one whole stream after another.
 *
 * Front ends send the same names in the same order every time, and mostly the same values. So each stream is compared
 * with the one before: a pair that has not changed keeps its strings. Comparing is several times cheaper than making
 * strings.
 */
export class ParamsDecoder {
  /** Names of the last stream, as byte strings; `''` for pairs that are left out. The first {@link count} are valid. */
  readonly names: string[] = [];
  /** Their values. */
  readonly values: string[] = [];
  /** Number of pairs in the last stream. */
  count = 0;
  /** Whether a name occurs twice in the last stream. */
  hasRepeats = false;

  readonly #isWanted: (name: string, value: string) => boolean;
  #known: Buffer = EMPTY; // begins with a copy of the last stream
  #knownView = viewOf(EMPTY);
  #view = viewOf(EMPTY); // of the memory where the last stream was received: mostly the next one is there too
  readonly #starts: number[] = [0]; // where the pairs of #known begin, and where the last one ends

  /** @param isWanted asked when a pair changes; default: all are wanted */
  constructor(isWanted: (name: string, value: string) => boolean = () => true) {
    this.#isWanted = isWanted;
  }

  /**
   * Decodes a stream into {@link names} and {@link values}, where they stay until the next call.
   *
   * @param block the content of all PARAMS records, from `from` to `end`
   * @param maxPairs more are refused
   * @throws {ProtocolError} when a length points beyond the end
   * @throws {LimitError} when there are too many pairs
   */
  decode(block: Buffer, from: number, end: number, maxPairs: number): void {
    const starts = this.#starts;
    const { count } = this;
    const known = Math.min(count, maxPairs);
    const knownLength = starts[count]!;
    const length = end - from;
    if (this.#view.buffer !== block.buffer) this.#view = viewOf(block);
    const base = block.byteOffset + from;
    this.count = 0; // stays so after an exception: the next stream is decoded as a whole
    let hasNewName = false; // or a pair that was left out before, or is now
    let changed = length; // where the first pair begins that had to be decoded
    let changedEnd = 0; // where the last of them ends
    let at = 0; // where pair `i` begins
    let before = 0; // where pair `i` of the last stream begins
    let i = 0;
    while (at < length) {
      let same = before; // up to here the last stream has the same bytes
      if (i < known) {
        const most = Math.min(length - at, knownLength - before);
        same += countSame(this.#view, base + at, this.#knownView, before, most);
        if (at === before) {
          // Unchanged pairs at the same place: their starts are right already.
          while (i < known && starts[i + 1]! <= same) i++;
          at = before = starts[i]!;
        }
        for (let next = starts[i + 1]!; i < known && next <= same; next = starts[i + 1]!) {
          starts[i++] = at;
          at += next - before;
          before = next;
        }
        if (at === length) break;
      }
      if (i === maxPairs) throw new LimitError('maxParams', `more than maxParams (${maxPairs})`);
      if (at < changed) changed = at;
      const name = this.names[i];
      const next = starts[i + 1]!; // read before it is replaced; of no meaning after the last known pair
      starts[i] = at;
      at = this.#decodePair(block, from + at, end, i, same - before) - from;
      changedEnd = at;
      hasNewName ||= this.names[i] !== name;
      before = next;
      i++;
    }
    starts[i] = at;
    if (hasNewName || i !== count) this.hasRepeats = hasRepeats(this.names.slice(0, i));
    // After the last decoded pair nothing has changed, unless the length of a pair has.
    this.#save(block, from, changed, at === before ? changedEnd : length);
    this.count = i;
  }

  /** Copies a stream to #known. Only the bytes from `changed` to `end` differ from what is there. */
  #save(block: Buffer, from: number, changed: number, end: number): void {
    if (changed >= end) return;
    if (this.#known.length < end) {
      const larger = Buffer.allocUnsafeSlow(2 * end);
      this.#known.copy(larger, 0, 0, changed);
      this.#known = larger;
      this.#knownView = viewOf(larger);
    }
    // Mostly a short number: a loop is cheaper than a call of copy().
    if (end - changed <= 64) for (let i = changed; i < end; i++) this.#known[i] = block[from + i]!;
    else block.copy(this.#known, changed, from + changed, from + end);
  }

  /**
   * @param same how many of its first bytes are the same as in the pair at this index of the last stream
   * @returns where the pair ends
   */
  #decodePair(block: Buffer, start: number, limit: number, index: number, same: number): number {
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
    const hasName = same >= value - start && this.names[index] !== '';
    const nameText = hasName ? this.names[index]! : asKey(block.toString('latin1', name, value));
    const valueText = textOf(block, value, end);
    this.names[index] = this.#isWanted(nameText, valueText) ? nameText : '';
    this.values[index] = valueText;
    return end;
  }
}

/**
 * Which of the names occur in the content of GET_VALUES (§ 4.1). No strings are made of other names.
 *
 * @param maxPairs more are refused
 * @throws {ProtocolError} when there are more, or a length points beyond the end
 */
export function findNames(
  block: Buffer,
  names: ReadonlySet<string>,
  maxPairs: number,
): Set<string> {
  const found = new Set<string>();
  const longest = Math.max(...[...names].map((name) => name.length));
  let pairs = 0;
  for (let at = 0; at < block.length;) {
    if (++pairs > maxPairs) throw new ProtocolError(`more than ${maxPairs} names in GET_VALUES`);
    const nameLength = readLength(block, at, block.length);
    at += sizeOfLength(block, at);
    const valueLength = readLength(block, at, block.length);
    at += sizeOfLength(block, at);
    const end = at + nameLength + valueLength;
    if (end > block.length) throw new ProtocolError('GET_VALUES ends inside a pair');
    if (nameLength <= longest) {
      const name = block.toString('latin1', at, at + nameLength);
      if (names.has(name)) found.add(name);
    }
    at = end;
  }
  return found;
}

/** Encodes pairs of byte strings: the content of a GET_VALUES_RESULT record, as a byte string. */
export function encodePairs(pairs: Iterable<readonly [name: string, value: string]>): string {
  let text = '';
  for (const [name, value] of pairs) {
    text += encodeLength(name.length) + encodeLength(value.length) + name + value;
  }
  return text;
}

function encodeLength(length: number): string {
  if (length < 0x80) return String.fromCharCode(length);
  const [first, ...rest] = [length >>> 24, length >>> 16, length >>> 8, length];
  return String.fromCharCode(first! | 0x80, ...rest.map((byte) => byte & 0xff));
}

/** The same name as V8's internalized string: as a key it is found without comparing letters. */
const asKey = memoize((name: string) => Object.keys({ [name]: undefined })[0]!);

/** A byte string. For a few bytes, mostly a number, Buffer.toString costs twice as much as this loop. */
function textOf(block: Buffer, start: number, end: number): string {
  if (end - start > 6) return block.toString('latin1', start, end);
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(block[i]!);
  return text;
}

/** Only the top bit tells (§ 3.4): small lengths may have four bytes, too. */
function sizeOfLength(block: Buffer, at: number): 1 | 4 {
  return block[at]! < 0x80 ? 1 : 4;
}

/** @throws {ProtocolError} when the pairs end inside the length */
function readLength(block: Buffer, at: number, limit: number): number {
  if (at < limit && block[at]! < 0x80) return block[at]!;
  if (at + 4 > limit) throw new ProtocolError('name-value pairs end inside a length');
  return block.readUInt32BE(at) & 0x7fffffff;
}

function hasRepeats(names: readonly string[]): boolean {
  const wanted = names.filter((name) => name !== '');
  return new Set(wanted).size < wanted.length;
}

/** A view of the whole memory that a buffer is part of. */
function viewOf({ buffer }: Buffer): DataView {
  return new DataView(buffer);
}

/** Counts bytes that are the same from `aStart` and `bStart` on, at most `length`. */
function countSame(
  a: DataView,
  aStart: number,
  b: DataView,
  bStart: number,
  length: number,
): number {
  let i = 0;
  // Unrolled, because one step of the loop costs as much as a comparison.
  for (; i + 32 <= length; i += 32) {
    const x = aStart + i;
    const y = bStart + i;
    if (!areSame8(a, x, b, y) || !areSame8(a, x + 8, b, y + 8)) break;
    if (!areSame8(a, x + 16, b, y + 16) || !areSame8(a, x + 24, b, y + 24)) break;
  }
  while (i + 8 <= length && areSame8(a, aStart + i, b, bStart + i)) i += 8;
  while (i < length && a.getInt8(aStart + i) === b.getInt8(bStart + i)) i++;
  return i;
}

/**
 * Compares eight bytes as one floating-point number.
 *
 * Equal numbers have equal bytes, except 0 and -0. NaN equals nothing. For both the result is false, and the bytes are
 * compared one by one. No text has such bytes.
 */
function areSame8(a: DataView, aAt: number, b: DataView, bAt: number): boolean {
  const number = a.getFloat64(aAt, true);
  return number === b.getFloat64(bAt, true) && number !== 0;
}
