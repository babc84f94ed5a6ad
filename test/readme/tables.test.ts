/**
 * The tables of the README are made from the code: `npx vitest run test/readme --update` writes them, and
 * they are wrong if that would change anything.
 */
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { OPTIONS, OPTION_NAMES, toFlag } from '../../src/cli/options.ts';
import type { Option } from '../../src/cli/options.ts';
import * as limits from '../../src/limits.ts';
import { ROOT, readPage } from './markdown.ts';

test('options and limits are those of the code', async () => {
  const readme = readPage('README.md');
  const expected = replaceTable(
    replaceTable(readme, 'options', optionsTable()),
    'limits',
    limitsTable(),
  );
  await expect(expected).toMatchFileSnapshot(join(ROOT, 'README.md'));
});

function replaceTable(page: string, name: string, rows: readonly string[]): string {
  const pattern = new RegExp(`(<!-- ${name}: .* -->\n)[^]*(<!-- /${name} -->)`);
  expect(page).toMatch(pattern);
  return page.replace(
    pattern,
    (_, begin: string, end: string) => `${begin}${rows.join('\n')}\n${end}`,
  );
}

function optionsTable(): string[] {
  const rows = OPTION_NAMES.map((name) => {
    const option: Option<unknown> = OPTIONS[name];
    const argument = option.argument === undefined ? '' : ` ${option.argument}`;
    const flag = option.positional ? name.toUpperCase() : `--${toFlag(name)}${argument}`;
    const times = option.repeated ? ' (may be repeated)' : '';
    return `| \`${flag}\` | ${cell(option.describe)}${times} | ${cell(defaultOf(option))} |`;
  });
  return ['| option | | default |', '|---|---|---|', ...rows];
}

function defaultOf({ default: value, defaultText }: Option<unknown>): string {
  return defaultText ?? (value === undefined || value === false ? '' : String(value));
}

/** Each limit with the comment that says what it is and why: the table is src/limits.ts itself. */
function limitsTable(): string[] {
  const source = readPage('src/limits.ts');
  const values = new Map(Object.entries(limits));
  const rows = [...source.matchAll(COMMENTED)].map((match) => {
    const [, comment, name] = match as unknown as [string, string, string];
    const text = comment.replaceAll(/\s*\n \*\s*/g, ' ').trim();
    return `| ${optionsFor(name)} | ${values.get(name)!.toLocaleString('en')} | ${cell(text)} |`;
  });
  expect(rows.length).toBe(values.size);
  return ['| option | default | |', '|---|--:|---|', ...rows];
}

const COMMENTED = /\/\*\*((?:(?!\*\/)[^])*)\*\/\nexport const (\w+) =/g;

/** Where the gateways name their options and, for each, the limit that is its default. */
const GATEWAYS = {
  FastCGI: 'adapters/fastcgi/options.ts',
  'SCGI, uwsgi': 'src/request-options.ts',
  HTTP: 'adapters/http/options.ts',
};

/** Limits that are no option of a gateway's own. */
const OTHER_OPTIONS: Readonly<Record<string, string>> = {
  SHUTDOWN_TIMEOUT: '`close({ timeout })`, `--shutdown-timeout`',
};

/** The options of which a limit is the default: `maxHeaders` (HTTP). */
function optionsFor(limit: string): string {
  const gateways = new Map<string, string[]>();
  for (const [gateway, file] of Object.entries(GATEWAYS)) {
    const option = new RegExp(`^  (\\w+): ${limit},$`, 'm').exec(readPage(file))?.[1];
    if (option !== undefined) gateways.set(option, [...(gateways.get(option) ?? []), gateway]);
  }
  const options = [...gateways].map(([option, names]) => `\`${option}\` (${names.join(', ')})`);
  return options.join(', ') || (OTHER_OPTIONS[limit] ?? '–');
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`);
}
