import { expect, test } from 'vitest';

import { FixedLengthReader } from '../../src/one-request/fixed-length-reader.ts';

test('bytes within one chunk, with something before and behind it', () => {
  const reader = new FixedLengthReader(3);
  expect(reader.push(Buffer.from('<abc>'), 1)).toBe(4);
  expect(reader.text).toBe('abc');
});

test('bytes in several chunks, the end in the middle of a chunk', () => {
  const reader = new FixedLengthReader(5);
  expect(reader.push(Buffer.from('<ab'), 1)).toBe(-1);
  expect(reader.push(Buffer.from(''), 0)).toBe(-1);
  expect(reader.push(Buffer.from('cd'), 0)).toBe(-1);
  expect(reader.text).toBe('');
  expect(reader.push(Buffer.from('e>'), 0)).toBe(1);
  expect(reader.text).toBe('abcde');
});

test('bytes become code units', () => {
  const reader = new FixedLengthReader(256);
  reader.push(Buffer.from(Array.from({ length: 256 }, (_, i) => i)), 0);
  expect(Array.from(reader.text, (unit) => unit.charCodeAt(0))).toEqual(
    Array.from({ length: 256 }, (_, i) => i),
  );
});

test('zero bytes are there at once', () => {
  const reader = new FixedLengthReader(0);
  expect(reader.push(Buffer.from('x'), 0)).toBe(0);
  expect(reader.text).toBe('');
});

test('memory grows with what has come, not with what was announced', () => {
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 100 }, () => new FixedLengthReader(2 ** 30));
  for (const reader of readers) reader.push(Buffer.from('x'), 0);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
});

test('what came in one chunk may be overwritten by its owner afterwards', () => {
  const chunk = Buffer.from('abc');
  const reader = new FixedLengthReader(6);
  reader.push(chunk, 0);
  chunk.fill('x');
  reader.push(Buffer.from('def'), 0);
  expect(reader.text).toBe('abcdef');
});
