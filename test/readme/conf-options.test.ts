/** The table of `postern conf`'s options: `npx vitest run test/readme --update` writes it into conf/README.md. */
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { confOptions } from '../../src/cli/conf/conf-arguments.ts';
import { ROOT, readPage } from './markdown.ts';

const PAGE = 'conf/README.md';
const TABLE = /(<!-- conf-options: .* -->\n)[^]*(<!-- \/conf-options -->)/;

test('the options of postern conf are those of the code', async () => {
  const page = readPage(PAGE);
  expect(page).toMatch(TABLE);
  const rows = confOptions().map(({ label, text }) => `| \`${label}\` | ${text} |\n`);
  const head = '| option of `postern conf` | |\n|---|---|\n';
  const expected = page.replace(
    TABLE,
    (_, begin: string, end: string) => begin + head + rows.join('') + end,
  );
  await expect(expected).toMatchFileSnapshot(join(ROOT, PAGE));
});
