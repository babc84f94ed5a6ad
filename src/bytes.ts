/** Byte strings and a queue of chunks. No I/O, no clock. */

export const EMPTY: Buffer = Buffer.alloc(0);

/** A view of the same bytes as a Buffer, without copying. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whether each character is ASCII, so that the text is the same in latin-1 and in UTF-8. */
export function isAscii(text: string): boolean {
  // A regular expression is slower for all but a few characters.
  const { length } = text;
  if (length < ENCODED_FROM || length > ENCODED_TO) {
    return Buffer.byteLength(text, 'utf8') === length;
  }
  encoded ??= Buffer.allocUnsafeSlow(ENCODED_TO + LONGEST_CHARACTER);
  return encoded.write(text, 'utf8') === length;
}

/**
 * Between these lengths, encoding a text is several times faster than counting its bytes. Only for a flat string it is
 * not, and few strings that were concatenated are flat.
 */
const ENCODED_FROM = 512;
const ENCODED_TO = 64 * 1024;
/** Bytes in UTF-8. `write` stops before a character that does not fit: without this room its result could be `length` by chance. */
const LONGEST_CHARACTER = 4;
let encoded: Buffer | undefined;

/** UTF-8 text as a byte string: a string whose code units are its bytes (PEP 3333, "native strings"). */
export function toByteString(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** A part of bytes or of a byte string, without copying. */
export function partOf<T extends Uint8Array | string>(whole: T, start: number, end: number): T {
  return (typeof whole === 'string' ? whole.slice(start, end) : whole.subarray(start, end)) as T;
}

/** Copies a byte string that is kept for long: a slice would keep the whole string that it was cut from in memory. */
export function copyText(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

const CONTROL = /[\0-\x1f\x7f-\x9f\u2028\u2029]/g;
// A stack has several lines: newlines and tabs belong to the message.
const CONTROL_BUT_LINES = /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]/g;

function escapeControl(char: string): string {
  const code = char.charCodeAt(0);
  if (char === '\n') return '\\n';
  if (char === '\r') return '\\r';
  if (char === '\t') return '\\t';
  return code > 0xff
    ? `\\u${code.toString(16).padStart(4, '0')}`
    : `\\x${code.toString(16).padStart(2, '0')}`;
}

/** Escapes control characters, so that text from outside is safe in one line of a log. */
export function escapeLine(text: string): string {
  return text.replace(CONTROL, escapeControl);
}

/** {@link escapeLine} for text of several lines: newlines and tabs stay. */
export function escapeLines(text: string): string {
  return text.replace(CONTROL_BUT_LINES, escapeControl);
}

/** Smaller chunks are copied into one buffer: a Buffer object for each takes several times its bytes in memory. */
const SMALL_CHUNK = 1024;
/** Size of that buffer. */
const GATHER_SIZE = 4 * SMALL_CHUNK;

/**
 * A queue of chunks, read in pieces of any size. A chunk is not copied when it is pushed, unless it is small and others
 * are waiting. A piece that lies within one chunk is a view of it.
 */
export class ByteQueue {
  #chunks: Buffer[] = [];
  #gathered: Buffer = EMPTY; // small chunks are copied into it; the last chunk may be a view of its beginning
  #head = 0; // index of the first chunk that has not been read to its end
  #offset = 0; // bytes of that chunk that have been read
  #length = 0;

  /** Bytes held. */
  get length(): number {
    return this.#length;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (chunk.length < SMALL_CHUNK && this.#length > 0) this.#gather(chunk);
    else this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  #gather(chunk: Buffer): void {
    const last = this.#chunks.length - 1;
    const { buffer, length: used } = this.#chunks[last]!;
    if (buffer === this.#gathered.buffer && used + chunk.length <= GATHER_SIZE) {
      this.#chunks[last] = this.#gathered.subarray(0, used + chunk.length);
      chunk.copy(this.#gathered, used);
    } else {
      this.#gathered = Buffer.allocUnsafeSlow(GATHER_SIZE);
      this.#chunks.push(this.#gathered.subarray(0, chunk.length));
      chunk.copy(this.#gathered);
    }
  }

  /** Removes and returns the contiguous bytes at the front, at most `size`. Never copies. Empty when there are none. */
  shift(size: number): Buffer {
    const first = this.#chunks[this.#head];
    if (first === undefined || size <= 0) return EMPTY;
    const end = Math.min(first.length, this.#offset + size);
    const piece = first.subarray(this.#offset, end);
    this.#advance(piece.length);
    return piece;
  }

  /** Removes and returns exactly `size` bytes, or all when there are fewer. */
  take(size: number): Buffer {
    const wanted = Math.min(size, this.#length);
    const first = this.shift(wanted);
    if (first.length === wanted) return first;
    const whole = Buffer.allocUnsafe(wanted);
    let at = first.copy(whole);
    while (at < wanted) at += this.shift(wanted - at).copy(whole, at);
    return whole;
  }

  /** Position of the first `byte` at or after `from`, or -1. */
  indexOf(byte: number, from = 0): number {
    let base = -this.#offset;
    for (let i = this.#head; i < this.#chunks.length; i++) {
      const chunk = this.#chunks[i]!;
      if (base + chunk.length > from) {
        const found = chunk.indexOf(byte, Math.max(from - base, 0));
        if (found >= 0) return base + found;
      }
      base += chunk.length;
    }
    return -1;
  }

  clear(): void {
    if (this.#chunks.length === 0) return;
    this.#chunks = [];
    this.#gathered = EMPTY;
    this.#head = 0;
    this.#offset = 0;
    this.#length = 0;
  }

  #advance(size: number): void {
    this.#length -= size;
    if (this.#length === 0) {
      this.clear();
      return;
    }
    this.#offset += size;
    if (this.#offset < this.#chunks[this.#head]!.length) return;
    this.#offset = 0;
    this.#head++;
    // Dropping each chunk by itself would move the whole array each time.
    if (this.#head === 64) {
      this.#chunks.splice(0, this.#head);
      this.#head = 0;
    }
  }
}

// ---- a bounded memo, for texts that come again and again

/** Entries of a memo. Its keys come from outside: without a limit they would fill memory. */
const MAX_ENTRIES = 1024;
/** Characters of a key. Longer texts rarely come again. */
const MAX_KEY_LENGTH = 256;

/**
 * A function that keeps the results of `compute`. Beyond the limits it computes anew each time.
 *
 * @param compute what it throws is thrown each time, and not kept. It never returns undefined.
 */
export function memoize<T>(compute: (text: string) => T): (text: string) => T {
  const memo = new Map<string, T>();
  return (text) => {
    const known = memo.get(text);
    if (known !== undefined) return known;
    const value = compute(text);
    if (memo.size < MAX_ENTRIES && text.length <= MAX_KEY_LENGTH) memo.set(copyText(text), value);
    return value;
  };
}
