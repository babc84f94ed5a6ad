/** The manual page is made from the table of options: `npx vitest run test/readme --update` writes it. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { OPTION_NAMES, isPositional, toFlag } from '../../src/cli/options/options.ts';
import { manualPage } from '../../src/cli/usage/manual.ts';
import { ROOT, readPage } from './markdown.ts';

const PAGE = 'conf/postern.1';

test('the manual page is that of the code', async () => {
  await expect(manualPage()).toMatchFileSnapshot(join(ROOT, PAGE));
});

test('it is in the package, where npm and man find it', () => {
  const { man, files } = JSON.parse(readPage('package.json')) as { man: string; files: string[] };
  expect(man).toBe(`./${PAGE}`);
  expect(files).toContain('conf');
});

test('it has every option', () => {
  const page = readPage(PAGE).replaceAll(String.raw`\-`, '-');
  for (const name of OPTION_NAMES)
    if (!isPositional(name)) expect(page).toMatch(new RegExp(`^\\.B .*--${toFlag(name)}`, 'm'));
});

const GROFF = spawnSync('groff', ['--version']).status === 0;

test.skipIf(!GROFF)('groff has no objection (groff is installed)', () => {
  const { stdout, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-z', join(ROOT, PAGE)], {
    encoding: 'utf8',
  });
  expect(stderr + stdout).toBe('');
});
