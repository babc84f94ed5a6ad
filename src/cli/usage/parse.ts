/** The command line of the command itself. */

import { readVersion } from '../package.ts';
import { parseCommandLine } from './command-line.ts';
import type { Flag } from './command-line.ts';
import { didYouMean, similarTo } from '../../similar.ts';
import { WrongUsage } from '../options/option.ts';
import type { Option } from '../options/option.ts';
import { OPTIONS, OPTION_NAMES, isPositional, toFlag } from '../options/options.ts';
import type { OptionName, RawValue, Source } from '../options/options.ts';

/** What was asked for: a page of help, a text (the version), or to run with options. */
export type Parsed =
  | { readonly help: string }
  | { readonly text: string }
  | { readonly source: Source };

const FLAGS: readonly Flag[] = [
  ...OPTION_NAMES.filter((name) => !isPositional(name)).map((name) => {
    const { aliases, argument, negatable }: Option<unknown> = OPTIONS[name];
    return { name: toFlag(name), aliases, argument, negatable };
  }),
  { name: 'help', aliases: ['h'], argument: '[=GROUP]' },
  { name: 'version', aliases: ['V'] },
];

/**
 * Parses the arguments of the command.
 *
 * @param args without node and the command itself
 * @throws {WrongUsage} for unknown options, missing values, and too many arguments
 */
export function parseArguments(args: readonly string[]): Parsed {
  const { values, typed, words } = withAdvice(() => parseCommandLine(args, FLAGS));
  const help = values.get('help');
  if (help !== undefined) return { help: help.at(-1)! };
  if (values.has('version')) return { text: `${readVersion()}\n` };
  if (words.length > 1) refuseWords(words);
  const given: Partial<Record<OptionName, RawValue>> = { app: words[0] };
  for (const name of OPTION_NAMES) {
    const texts = values.get(toFlag(name));
    if (texts === undefined) continue;
    const { argument }: Option<unknown> = OPTIONS[name];
    // Of a switch the last one counts: --reload --no-reload.
    given[name] = argument === undefined || texts.length === 1 ? texts.at(-1)! : texts;
  }
  const labelOf = (name: OptionName): string =>
    isPositional(name) ? name.toUpperCase() : (typed.get(toFlag(name)) ?? `--${toFlag(name)}`);
  return { source: { label: labelOf, values: given } };
}

function withAdvice<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new WrongUsage(`${(error as Error).message} (see postern --help)`);
  }
}

/** Words with which other programs begin. */
const VERBS = ['run', 'serve', 'start', 'dev', 'http', 'fastcgi', 'scgi', 'uwsgi', 'cgi'];

function refuseWords(words: readonly [string, ...string[]] | readonly string[]): never {
  const [first, second] = words as [string, string];
  const see = '(see postern --help)';
  if (similarTo(first, ['conf']) !== undefined)
    throw new WrongUsage(`unknown command ${first}${didYouMean(`postern conf ${second}`)} ${see}`);
  if (VERBS.includes(first))
    throw new WrongUsage(`unknown command ${first}${didYouMean(`postern ${second}`)} ${see}`);
  const isAddress = /^(?:[\w.]*:)?\d{1,5}$|^unix:/.test(second);
  const meant = isAddress ? `postern ${first} --http ${second}` : undefined;
  throw new WrongUsage(`one argument too many: ${second}${didYouMean(meant)} ${see}`);
}
