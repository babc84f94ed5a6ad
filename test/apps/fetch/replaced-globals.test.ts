/** Light objects where a library replaces the globals, before or after. Everything is answered as without light objects. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { describe, expect, test } from 'vitest';

const FIXTURE = fileURLToPath(new URL('fixtures/replaced-globals.mjs', import.meta.url));

async function answers(...args: string[]): Promise<Record<string, unknown[]>> {
  const { stdout } = await promisify(execFile)(process.execPath, [FIXTURE, ...args]);
  return JSON.parse(stdout) as Record<string, unknown[]>;
}

describe('where globals are replaced', () => {
  test.each([
    'before: none',
    'before: node-server',
    'imported before: node-server',
    'after: node-server',
    'before: classes that extend them',
    'after: classes that extend them',
    'before: proxies of them',
    'after: proxies of them',
  ])('%s', async (order) => {
    const [expected, seen] = await Promise.all([answers(order), answers(order, 'light')]);
    expect(expected['copy']).toEqual([
      200,
      null,
      expect.stringContaining('text/plain'),
      null,
      'a=1',
    ]);
    expect(seen).toEqual(expected);
  });
});
