import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';

import {
  ByteQueue,
  EMPTY,
  asBuffer,
  escapeLine,
  escapeLines,
  isAscii,
  memoize,
  toByteString,
} from '../src/bytes.ts';

const bytes = fc.uint8Array({ maxLength: 12 }).map((array) => Buffer.from(array));
const anyText = fc.string({ unit: 'binary' });

test('a view as a Buffer is of the same memory, and of no more of it', () => {
  const memory = new Uint8Array([1, 2, 3, 4]);
  const buffer = asBuffer(memory.subarray(1, 3));
  expect([...buffer]).toEqual([2, 3]);
  memory[1] = 9;
  expect(buffer[0]).toBe(9);
  expect(asBuffer(buffer)).toBe(buffer);
});

describe('text as a byte string', () => {
  test('has a code unit for every byte of its UTF-8', () => {
    expect(toByteString('é')).toBe('\xc3\xa9');
    fc.assert(
      fc.property(anyText, (text) => {
        expect(Buffer.from(toByteString(text), 'latin1')).toEqual(Buffer.from(text, 'utf8'));
      }),
    );
  });
});

describe('text of any length', () => {
  const KIB = 1024;
  const lengths = [0, 1, 511, 512, 513, 4 * KIB, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 256 * KIB];

  test.each(lengths)('of %d letters is known to be ASCII, or not to be', (length) => {
    const text = `head ${'x'.repeat(length)}`.slice('head '.length); // a part of another one
    expect(isAscii(text)).toBe(true);
    for (const letter of ['\x80', '\xff', '\u0141', '\u2603', '\u{1f600}', '\ud800']) {
      for (const at of new Set([0, length >> 1, length])) {
        expect(isAscii(text.slice(0, at) + letter + text.slice(at))).toBe(false);
      }
    }
    // As long as it would be if its last letters were cut off.
    if (length > 0) expect(isAscii(text.slice(1) + '\u2603')).toBe(false);
  });
});

describe('text for a log', () => {
  test.each([
    ['a\nb\r\tc', 'a\\nb\\r\\tc', 'a\nb\\r\tc'],
    ['\x1b[31m', '\\x1b[31m', '\\x1b[31m'],
    ['\0\x7f\x9b', '\\x00\\x7f\\x9b', '\\x00\\x7f\\x9b'],
    ['\u2028\u2029', '\\u2028\\u2029', '\\u2028\\u2029'],
    ['plain é 日本 \\n', 'plain é 日本 \\n', 'plain é 日本 \\n'],
  ])('%j is %j, and %j in several lines', (text, line, lines) => {
    expect(escapeLine(text)).toBe(line);
    expect(escapeLines(text)).toBe(lines);
  });

  test('is one line, and holds nothing that a terminal obeys, whatever comes', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(escapeLine(text)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
        expect(escapeLines(text).replace(/[\n\t]/g, '')).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});

/** What a queue can be asked, with what plain bytes would answer. */
type Step = (queue: ByteQueue, model: Buffer[]) => void;

const all = (model: readonly Buffer[]): Buffer => Buffer.concat(model);
/** Leaves what lies behind the first bytes, in the same chunks. */
function drop(model: Buffer[], size: number): void {
  let left = size;
  while (left > 0) {
    const first = model[0]!;
    if (first.length > left) model[0] = first.subarray(left);
    else model.shift();
    left -= first.length;
  }
}

const size = fc.nat(40);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: bytes.map(pushing) },
  { weight: 1, arbitrary: size.map(shifting) },
  { weight: 1, arbitrary: fc.oneof(size, fc.constant(Infinity)).map(taking) },
  { weight: 1, arbitrary: fc.tuple(fc.nat(255), size).map(finding) },
  { weight: 1, arbitrary: fc.constant<Step>(clearing) },
);

function pushing(chunk: Buffer): Step {
  return (queue, model) => {
    queue.push(chunk);
    if (chunk.length > 0) model.push(chunk);
  };
}
function shifting(size: number): Step {
  return (queue, model) => {
    const piece = queue.shift(size);
    const first = model[0] ?? EMPTY;
    // Small chunks may lie together.
    expect(piece).toEqual(all(model).subarray(0, piece.length));
    expect(piece.length).toBeLessThanOrEqual(size);
    expect(piece.length).toBeGreaterThanOrEqual(Math.min(size, first.length));
    // A view: no large one was copied.
    if (first.length >= 1024 && size > 0) expect(piece.buffer).toBe(first.buffer);
    drop(model, piece.length);
  };
}
function taking(size: number): Step {
  return (queue, model) => {
    const taken = queue.take(size);
    expect(taken).toEqual(all(model).subarray(0, size));
    drop(model, taken.length);
  };
}
function finding([byte, from]: [number, number]): Step {
  return (queue, model) => {
    const bytes = all(model);
    // A byte that is there, if there is any: one at random seldom is.
    const wanted = bytes[byte % (bytes.length || 1)] ?? byte;
    expect(queue.indexOf(wanted, from)).toBe(bytes.indexOf(wanted, from));
  };
}
function clearing(queue: ByteQueue, model: Buffer[]): void {
  queue.clear();
  model.length = 0;
}

const byte = (i: number): number => (i * 7) % 251;

describe('a queue of chunks', () => {
  test('answers as the bytes in one piece would, whatever it is asked', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new ByteQueue();
        const model: Buffer[] = [];
        for (const run of steps) {
          run(queue, model);
          expect(queue.length).toBe(all(model).length);
        }
        expect(queue.take(Infinity)).toEqual(all(model));
        expect(queue.length).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  test('stays the same over many more chunks than it forgets at once', () => {
    const queue = new ByteQueue();
    for (let i = 0; i < 1000; i++) queue.push(Buffer.from([byte(i), byte(i), i % 2]));
    for (let i = 0; i < 1000; i++) {
      expect(queue.indexOf(i % 2, 2)).toBe(2);
      expect([...queue.take(3)]).toEqual([byte(i), byte(i), i % 2]);
    }
    expect(queue.shift(1)).toBe(EMPTY);
  });

  test('small chunks that wait are kept in few pieces of memory', () => {
    const queue = new ByteQueue();
    for (let i = 0; i < 64 * 1024; i++) queue.push(Buffer.from([byte(i)]));
    const pieces: Buffer[] = [];
    while (queue.length > 0) pieces.push(queue.shift(Infinity));
    expect(pieces.length).toBeLessThanOrEqual(20);
    expect(Buffer.concat(pieces).every((value, i) => value === byte(i))).toBe(true);
    const memory = pieces.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
    // The first of them stays where it was: in the pool from which Node takes small buffers, 8 or 64 KiB.
    expect(memory).toBeLessThan(72 * 1024 + Buffer.poolSize);
  });

  test('gives nothing for a size of nothing, and holds no empty chunk', () => {
    const queue = new ByteQueue();
    queue.push(EMPTY);
    queue.push(Buffer.from('a'));
    expect(queue.shift(0)).toBe(EMPTY);
    expect(queue.shift(-1)).toBe(EMPTY);
    expect(queue.take(0)).toEqual(EMPTY);
    expect(String(queue.shift(5))).toBe('a');
    expect(queue.indexOf(0x61)).toBe(-1);
  });
});

describe('memoize', () => {
  test('computes once for each text', () => {
    const compute = vi.fn((text: string) => text.length);
    const lengthOf = memoize(compute);
    expect(['ab', 'c', 'ab', 'c'].map((text) => lengthOf(text))).toEqual([2, 1, 2, 1]);
    expect(compute.mock.calls).toEqual([['ab'], ['c']]);
  });

  test('does not keep what was thrown', () => {
    const compute = vi.fn(() => {
      throw new Error('no');
    });
    const memoized = memoize(compute);
    for (let i = 0; i < 2; i++) expect(() => memoized('a')).toThrow('no');
    expect(compute).toHaveBeenCalledTimes(2);
  });

  test('keeps no long text', () => {
    const compute = vi.fn((text: string) => text.length);
    const lengthOf = memoize(compute);
    const long = 'x'.repeat(257);
    expect([lengthOf(long), lengthOf(long)]).toEqual([257, 257]);
    expect(compute).toHaveBeenCalledTimes(2);
  });

  test('keeps a bounded number, and computes the others anew', () => {
    const compute = vi.fn((text: string) => `<${text}>`);
    const memoized = memoize(compute);
    const texts = Array.from({ length: 5000 }, (_, i) => `text ${i}`);
    for (const text of texts) expect(memoized(text)).toBe(`<${text}>`);
    const before = compute.mock.calls.length;
    for (const text of texts) expect(memoized(text)).toBe(`<${text}>`);
    expect(compute.mock.calls.length - before).toBe(5000 - 1024);
  });
});
