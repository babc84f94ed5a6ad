import { describe, expect, test, vi } from 'vitest';

import { remember } from '../src/remember.ts';

describe('remember', () => {
  test('makes once, for each text', () => {
    const make = vi.fn((text: string) => text.length);
    const lengthOf = remember(make);
    expect(['ab', 'c', 'ab', 'c'].map((text) => lengthOf(text))).toEqual([2, 1, 2, 1]);
    expect(make.mock.calls).toEqual([['ab'], ['c']]);
  });

  test('makes again what could not be made', () => {
    const make = vi.fn(() => {
      throw new Error('no');
    });
    const made = remember(make);
    for (let i = 0; i < 2; i++) expect(() => made('a')).toThrow('no');
    expect(make).toHaveBeenCalledTimes(2);
  });

  test('keeps a bounded number, and goes on without', () => {
    const make = vi.fn((text: string) => `<${text}>`);
    const made = remember(make);
    const texts = Array.from({ length: 5000 }, (_, i) => `text ${i}`);
    for (const text of texts) expect(made(text)).toBe(`<${text}>`);
    const before = make.mock.calls.length;
    for (const text of texts) expect(made(text)).toBe(`<${text}>`);
    expect(make.mock.calls.length - before).toBe(5000 - 1024);
  });
});
