/** The validator. Its rules are broken one by one in validate/. */

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { VALIDATION_RULES, validator } from '../../src/index.ts';
import { HELLO, environWith, hello, serve, violates } from './kit.ts';

test('an application and a gateway that keep the rules notice nothing', async () => {
  expect(await serve(hello)).toEqual(HELLO);
});

describe('the call', () => {
  const call = validator(hello) as (...args: unknown[]) => unknown;

  test.each([[[]], [[1]], [[1, 2, 3]]])('arguments %j', (args) =>
    violates('call.arguments', args, () => call(...args)),
  );
  test('startResponse that is no function', () =>
    violates('call.start-response', 'start', () => call(environWith(), 'start')));
});

test('every rule is broken in some test', () => {
  const folder = import.meta.dirname;
  const files = readdirSync(folder).map((name) => join(folder, name));
  const source = files.map((file) => readFileSync(file, 'utf8')).join('');
  for (const rule of Object.keys(VALIDATION_RULES)) expect(source).toContain(`'${rule}'`);
});
