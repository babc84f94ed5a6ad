/**
 * The tables of conf/OPTIONS.md are made from the code: `npx vitest run test/readme --update` writes them, and
 * they are wrong if that would change anything.
 */
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { OPTIONS, OPTION_NAMES, toFlag } from '../../src/cli/options/options.ts';
import type { Option } from '../../src/cli/options/option.ts';
import type { OptionName } from '../../src/cli/options/options.ts';
import {
  formatBytes,
  formatTime,
  readBytes,
  readMilliseconds,
} from '../../src/cli/options/units.ts';
import { defaultOf, describeOption, labelOf } from '../../src/cli/usage/help.ts';
import * as limits from '../../src/limits.ts';
import { ROOT, readPage } from './markdown.ts';

const PAGE = 'conf/OPTIONS.md';

test('options and limits are those of the code', async () => {
  const withOptions = replaceTable(readPage(PAGE), 'options', optionsTable());
  const expected = replaceTable(withOptions, 'limits', limitsTable());
  await expect(expected).toMatchFileSnapshot(join(ROOT, PAGE));
});

test('the README repeats the times of conf/README.md', () => {
  const measured = new Map(
    [
      ...readPage('conf/README.md').matchAll(/^\| \**postern (\w+)\**(?: \(.*?\))? \| ([\d.]+) /gm),
    ].map(([, gateway, time]) => [gateway!, time!]),
  );
  const table = /^\| gateway \|[^]*?\n\n/m.exec(readPage('README.md'))![0];
  const repeated = [...table.matchAll(/^\| (\w+) \|.* ([\d.]+) \|$/gm)];
  expect(repeated.map(([, gateway]) => gateway)).toEqual(['HTTP', 'FastCGI', 'SCGI', 'uwsgi']);
  for (const [, gateway, time] of repeated) expect(time, gateway).toBe(measured.get(gateway!));
});

function replaceTable(page: string, name: string, rows: readonly string[]): string {
  const pattern = new RegExp(`(<!-- ${name}: .* -->\n)[^]*(<!-- /${name} -->)`);
  expect(page).toMatch(pattern);
  return page.replace(
    pattern,
    (_, begin: string, end: string) => `${begin}${rows.join('\n')}\n${end}`,
  );
}

function isLimit(name: OptionName): boolean {
  return /^(?:Limits|Timeouts)$/.test(OPTIONS[name].group);
}

function optionsTable(): string[] {
  // Limits have a table of their own.
  const rows = OPTION_NAMES.filter((name) => !isLimit(name)).map((name) => {
    const option: Option<unknown> = OPTIONS[name];
    const group = /^(?:HTTP|FastCGI|CGI)$/.test(option.group) ? `${option.group}: ` : '';
    const text = cell(describeOption(option));
    return `| \`${labelOf(name)}\` | ${group}${text} | ${cell(defaultOf(option))} |`;
  });
  return ['| option | | default |', '|---|---|---|', ...rows];
}

/** Each limit with the comment that says what it is and why: the table is src/limits.ts itself. */
function limitsTable(): string[] {
  const source = readPage('src/limits.ts');
  const values = new Map(Object.entries(limits));
  const rows = [...source.matchAll(COMMENTED)].map((match) => {
    const [, comment, name] = match as unknown as [string, string, string];
    // The comment has the unit of the code. An option has units of its own.
    const text = comment.replaceAll(/\s*\n \*\s*/g, ' ').trim();
    const isTime = /\bmilliseconds\b/i.test(text);
    const value = (
      isTime
        ? formatTime
        : /(?:SIZE|BYTES|LIMIT|LINE|MARK|TOTAL)$/.test(name)
          ? formatBytes
          : String
    )(values.get(name)!);
    expect(readLimit(name, value), name).toBe(values.get(name));
    return `| ${flagOf(name)} | ${gatewaysOf(name)} | ${value} | ${cell(text.replace(/^Milliseconds/, 'Time').replace(/, in milliseconds/, ''))} |`;
  });
  expect(rows.length).toBe(values.size);
  return ['| option | of | default | |', '|---|---|--:|---|', ...rows];
}

const COMMENTED = /\/\*\*((?:(?!\*\/)[^])*)\*\/\nexport const (\w+) =/g;

/** Where the gateways name their options and, for each, the limit that is its default. */
const GATEWAYS = {
  'FastCGI, SCGI, uwsgi, HTTP': 'src/resources/resources.ts',
  FastCGI: 'adapters/fastcgi/options.ts',
  'SCGI, uwsgi': 'src/one-request/options.ts',
  HTTP: 'adapters/http/options.ts',
};

/** Limits that are no option of a gateway's own. */
const OTHERS: Readonly<Record<string, readonly [flag: string, of: string]>> = {
  HIGH_WATER_MARK: ['–', 'all'],
  HOLD_TIME: ['–', 'all'],
  SHUTDOWN_TIMEOUT: ['`--shutdown-timeout`', 'all (`close({ timeout })`)'],
};

/** The names under which the gateways know a limit: `maxParams` of FastCGI. */
function optionsOf(limit: string): [gateways: string, option: string][] {
  return Object.entries(GATEWAYS).flatMap(([gateways, file]) => {
    const option = new RegExp(`^  (\\w+): ${limit},$`, 'm').exec(readPage(file))?.[1];
    return option === undefined ? [] : [[gateways, option] as [string, string]];
  });
}

/** The option of the command that sets it. */
function nameOf(limit: string): OptionName | undefined {
  const known = optionsOf(limit).map(([, option]) => option);
  return OPTION_NAMES.find((name) => {
    const { gateway }: Option<unknown> = OPTIONS[name];
    return gateway !== undefined && (gateway === true ? [name] : gateway).includes(known[0]!);
  });
}

/** A default, as the flag itself reads it. Limits without a flag are in bytes or a time. */
function readLimit(limit: string, text: string): unknown {
  const name = nameOf(limit);
  if (name !== undefined) return OPTIONS[name].read(text);
  return text.endsWith('s') ? readMilliseconds(text) : readBytes(text);
}

function flagOf(limit: string): string {
  const name = nameOf(limit);
  return name === undefined ? OTHERS[limit]![0] : `\`--${toFlag(name)}\``;
}

/** The gateways that have it, with its name in code where that is not the flag's. */
function gatewaysOf(limit: string): string {
  const name = nameOf(limit);
  const all = optionsOf(limit).map(([gateways, option]) =>
    option === name ? gateways : `${gateways} (\`${option}\`)`,
  );
  return all.join(', ') || OTHERS[limit]![1];
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`);
}
