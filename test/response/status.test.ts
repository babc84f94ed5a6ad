import { STATUS_CODES } from 'node:http';

import { expect, test } from 'vitest';

import { forbidsContentLength, isBodiless, statusLine } from '../../src/response/status.ts';

const codes = Array.from({ length: 500 }, (_, i) => i + 100);

// Since RFC 9110 they have other names, or none.
const RENAMED: Record<number, string | undefined> = {
  413: 'Content Too Large',
  418: "I'm a Teapot",
  422: 'Unprocessable Content',
  509: undefined,
};

test('a code has the reason that Node gives it, unless the registry has changed it', () => {
  for (const code of codes) {
    const reason = code in RENAMED ? RENAMED[code] : STATUS_CODES[code];
    expect(statusLine(code)).toBe(`${code} ${reason ?? 'Unknown'}`);
  }
});

function numbers(lines: readonly string[]): number[] {
  return lines.map((line) => Number.parseInt(line, 10));
}

test('204 and 304 have no body, and 204 no length of one', () => {
  const lines = codes.map(statusLine);
  expect(numbers(lines.filter(forbidsContentLength))).toEqual([204]);
  expect(numbers(lines.filter(isBodiless))).toEqual([204, 304]);
});
