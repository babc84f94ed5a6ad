/** The linter's own rule finds what it is there for. That src/ and adapters/ have none of it is the linter's to say. */

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url).pathname;

/** What the linter says of a file, with this rule alone. */
async function lint(source: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-lint-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const config = join(folder, 'config.json');
  const rules = { 'regular-expressions/linear-time': 'error' };
  const jsPlugins = [join(ROOT, 'test/lint/regular-expressions.mjs')];
  writeFileSync(config, JSON.stringify({ jsPlugins, categories: { correctness: 'off' }, rules }));
  writeFileSync(join(folder, 'file.ts'), source);
  return new Promise((resolve) => {
    const args = [join(ROOT, 'node_modules/oxlint/bin/oxlint'), '-c', config, folder];
    execFile(process.execPath, args, (_error, stdout) => resolve(stdout));
  });
}

test.each([
  // What this project had, and let peers reach.
  String.raw`prefix.replace(/\/+$/, '')`,
  String.raw`text.replaceAll(/([^=&;#\s]+)=([^&;#\s]+)/g, '')`,
  String.raw`/ imported from .*\.ts$/.test(message)`,
  String.raw`/^(?:a+)+$/.test(text)`,
])('%s takes more than linear time', async (source) => {
  expect(await lint(source)).toMatch(/takes more than linear time \(.*\) for a text such as/);
});

test.each(['new RegExp(text)', 'RegExp(text, "g")'])('%s cannot be checked', async (source) => {
  expect(await lint(source)).toContain('made at run time cannot be checked');
});

test.each([
  String.raw`/^\/+/.test(text)`,
  String.raw`/^(?:\/[a-z]+)+$/.test(text)`,
  String.raw`text.replaceAll(/[^&;]*/g, '')`,
  String.raw`/a{1,20}b{1,20}$/.test(text)`,
  'const RegExp = 1',
])('%s is linear', async (source) => {
  expect(await lint(source)).toContain('Found 0 warnings and 0 errors');
});

test('it is on for all that peers can reach', () => {
  const { overrides } = JSON.parse(readFileSync(join(ROOT, '.oxlintrc.json'), 'utf8')) as {
    overrides: { files: string[]; rules: Record<string, unknown> }[];
  };
  const override = overrides.find(({ rules }) => 'regular-expressions/linear-time' in rules);
  expect(override?.files).toEqual(['src/**/*.ts', 'adapters/**/*.ts']);
  expect(override?.rules['regular-expressions/linear-time']).toBe('error');
});
