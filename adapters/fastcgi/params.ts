/**
 * Name–value pairs (FastCGI 1.0 § 3.4): length of the name and of the value, each one byte up to 127 or
 * else four bytes with the top bit set; then name and value.
 */

import { EMPTY, memoize } from '../../src/bytes.ts';
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
  #known: Buffer = EMPTY; // begins with the last stream
  #knownView = viewOf(EMPTY);
  #view = viewOf(EMPTY); // of the memory that the stream before was in, which mostly is the same again
  readonly #starts: number[] = [0]; // where its pairs begin, and where the last one ends

  /** @param isWanted asked when a pair changes; default: all are wanted */
  constructor(isWanted: (name: string, value: string) => boolean = () => true) {
    this.#isWanted = isWanted;
  }

  /**
   * Decodes a stream into {@link names} and {@link values}, where they stay until the next call.
   *
   * @param block the content of all PARAMS records, from `from` to `end`
   * @param maxPairs more are refused
   * @throws {ProtocolError} when a length points behind the end
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
    this.count = 0; // after an exception nothing is known
    let isNew = false; // a name, or that a pair counts
    let changed = length; // where the first pair begins that was decoded
    let changedEnd = 0; // and where the last of them ends
    let at = 0; // where the pair `i` begins
    let before = 0; // where the pair at its place began in the last stream
    let i = 0;
    while (at < length) {
      let same = before; // where the last stream goes on with other bytes than this one
      if (i < known) {
        const most = Math.min(length - at, knownLength - before);
        same += countSame(this.#view, base + at, this.#knownView, before, most);
        if (at === before) {
          // They are where they were.
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
      const next = starts[i + 1]!; // looked at before it is replaced; of no meaning behind the last known pair
      starts[i] = at;
      at = this.#decodePair(block, from + at, end, i, same - before) - from;
      changedEnd = at;
      isNew ||= this.names[i] !== name;
      before = next;
      i++;
    }
    starts[i] = at;
    if (isNew || i !== count) this.hasRepeats = hasRepeats(this.names.slice(0, i));
    // Behind them it is as before, unless one of them has another length.
    this.#remember(block, from, changed, at === before ? changedEnd : length);
    this.count = i;
  }

  /** Keeps a stream, of which all but what lies from `changed` to `end` is known. */
  #remember(block: Buffer, from: number, changed: number, end: number): void {
    if (changed >= end) return;
    if (this.#known.length < end) {
      const larger = Buffer.allocUnsafeSlow(2 * end);
      this.#known.copy(larger, 0, 0, changed);
      this.#known = larger;
      this.#knownView = viewOf(larger);
    }
    // Mostly a number, for which a call costs more than the bytes.
    if (end - changed <= 64) for (let i = changed; i < end; i++) this.#known[i] = block[from + i]!;
    else block.copy(this.#known, changed, from + changed, from + end);
  }

  /**
   * @param same how many of its bytes are those of the pair at its place in the last stream
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
 * Which names a record of pairs holds: the content of GET_VALUES (§ 4.1). Texts are made of none but these.
 *
 * @param maxPairs more are refused
 * @throws {ProtocolError} when there are more, or a length points behind the end
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
    if (end > block.length) throw new ProtocolError('GET_VALUES end inside a pair');
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

/** A name as the very string by which V8 knows it in the layout of objects: it need not look for it by its letters. */
const asKey = memoize((name: string) => Object.keys({ [name]: undefined })[0]!);

/** A byte string. Of a few bytes, mostly a number, a call of Buffer.toString costs twice as much. */
function textOf(block: Buffer, start: number, end: number): string {
  if (end - start > 6) return block.toString('latin1', start, end);
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(block[i]!);
  return text;
}

/** The short form is not obligatory for small numbers: the top bit alone tells (§ 3.4). */
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

/** All of the memory in which bytes lie. */
function viewOf({ buffer }: Buffer): DataView {
  return new DataView(buffer);
}

/** How many bytes are the same, from `aStart` and `bStart` on, of at most `length`. */
function countSame(
  a: DataView,
  aStart: number,
  b: DataView,
  bStart: number,
  length: number,
): number {
  let i = 0;
  // The loop itself costs as much as a comparison.
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
 * Whether eight bytes are the same: as numbers, which takes one comparison.
 *
 * Numbers that are equal have the same bytes, except zeros, which have two signs; NaN is equal to nothing. No text has
 * either of them.
 */
function areSame8(a: DataView, aAt: number, b: DataView, bAt: number): boolean {
  const number = a.getFloat64(aAt, true);
  return number === b.getFloat64(bAt, true) && number !== 0;
}
