import { expect, test } from 'vitest';

import { Block } from '../../src/one-request/block.ts';

test('a block within one chunk, with something before and behind it', () => {
  const block = new Block(3);
  expect(block.push(Buffer.from('<abc>'), 1)).toBe(4);
  expect(block.text).toBe('abc');
});

test('a block in pieces, its end in the middle of a chunk', () => {
  const block = new Block(5);
  expect(block.push(Buffer.from('<ab'), 1)).toBe(-1);
  expect(block.push(Buffer.from(''), 0)).toBe(-1);
  expect(block.push(Buffer.from('cd'), 0)).toBe(-1);
  expect(block.text).toBe('');
  expect(block.push(Buffer.from('e>'), 0)).toBe(1);
  expect(block.text).toBe('abcde');
});

test('bytes become code units', () => {
  const block = new Block(256);
  block.push(Buffer.from(Array.from({ length: 256 }, (_, i) => i)), 0);
  expect(Array.from(block.text, (unit) => unit.charCodeAt(0))).toEqual(
    Array.from({ length: 256 }, (_, i) => i),
  );
});

test('an empty block is there at once', () => {
  const block = new Block(0);
  expect(block.push(Buffer.from('x'), 0)).toBe(0);
  expect(block.text).toBe('');
});

test('memory grows with what has come, not with what was announced', () => {
  const before = process.memoryUsage().arrayBuffers;
  const blocks = Array.from({ length: 100 }, () => new Block(2 ** 30));
  for (const block of blocks) block.push(Buffer.from('x'), 0);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
});

test('what came in one chunk may be overwritten by its owner afterwards', () => {
  const chunk = Buffer.from('abc');
  const block = new Block(6);
  block.push(chunk, 0);
  chunk.fill('x');
  block.push(Buffer.from('def'), 0);
  expect(block.text).toBe('abcdef');
});
