/** Byte strings and a queue of chunks. No I/O, no clock. */

export const EMPTY: Buffer = Buffer.alloc(0);

/** A view of the same bytes as a Buffer, without copying. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whether text is a byte string and UTF-8 at the same time. (Of more than a few characters no regular expression tells it as fast.) */
export function isAscii(text: string): boolean {
  const { length } = text;
  if (length < ENCODED_FROM || length > ENCODED_TO) {
    return Buffer.byteLength(text, 'utf8') === length;
  }
  encoded ??= Buffer.allocUnsafeSlow(ENCODED_TO + LONGEST_CHARACTER);
  return encoded.write(text, 'utf8') === length;
}

/**
 * For text of these lengths it is several times faster to encode it than to count its bytes, unless it lies in memory
 * in one piece, as few texts that were put together do.
 */
const ENCODED_FROM = 512;
const ENCODED_TO = 64 * 1024;
/** Of UTF-8: what does not fit in any more is written as far as whole characters go. */
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

/** A byte string that is kept for long: a part of another one would hold on to all of that. */
export function copyText(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

const CONTROL = /[\0-\x1f\x7f-\x9f\u2028\u2029]/g;
// In text of several lines (a stack) the line structure is part of the message.
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

/** Makes text from outside safe for one line of a log: control characters become visible escapes. */
export function escapeLine(text: string): string {
  return text.replace(CONTROL, escapeControl);
}

/** The same for text of several lines: newline and tab stay. */
export function escapeLines(text: string): string {
  return text.replace(CONTROL_BUT_LINES, escapeControl);
}

/** Chunks of less than this are copied together: each by itself would take several times its bytes in memory. */
const SMALL_CHUNK = 1024;
/** What they are copied into. */
const GATHERED = 4 * SMALL_CHUNK;

/**
 * Chunks in order, taken out again in pieces of any size. Chunks are not copied on the way in, unless several
 * small ones wait; a piece is a view where it lies within one chunk.
 */
export class ByteQueue {
  #chunks: Buffer[] = [];
  #gathered: Buffer = EMPTY; // memory of our own, of which the last chunk may be the beginning
  #head = 0; // index of the first chunk that is not used up
  #offset = 0; // bytes of that chunk which are used up
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
    if (buffer === this.#gathered.buffer && used + chunk.length <= GATHERED) {
      this.#chunks[last] = this.#gathered.subarray(0, used + chunk.length);
      chunk.copy(this.#gathered, used);
    } else {
      this.#gathered = Buffer.allocUnsafeSlow(GATHERED);
      this.#chunks.push(this.#gathered.subarray(0, chunk.length));
      chunk.copy(this.#gathered);
    }
  }

  /** The bytes that lie together at the front, at most `size`: never copies. Empty when there are none. */
  shift(size: number): Buffer {
    const first = this.#chunks[this.#head];
    if (first === undefined || size <= 0) return EMPTY;
    const end = Math.min(first.length, this.#offset + size);
    const piece = first.subarray(this.#offset, end);
    this.#advance(piece.length);
    return piece;
  }

  /** Exactly `size` bytes, or all there are when there are fewer. */
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
    // Dropping used chunks one by one would cost a move of the whole array each time.
    if (this.#head === 64) {
      this.#chunks.splice(0, this.#head);
      this.#head = 0;
    }
  }
}

// ---- remembering what was made of a text, for those few that come again and again

/** Texts come from outside: more than these are not kept, but made anew each time. */
const LIMIT = 1024;
/** Characters of a text that is kept: long ones do not come again and again, and would fill memory. */
const LONGEST = 256;

/**
 * A function that calls `make` once for each text.
 *
 * @param make what it throws is thrown each time
 */
export function remember<T>(make: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const value = known.get(text);
    if (value !== undefined) return value;
    const made = make(text);
    if (known.size < LIMIT && text.length <= LONGEST) known.set(copyText(text), made);
    return made;
  };
}
