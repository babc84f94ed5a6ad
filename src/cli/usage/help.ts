/** The pages of `--help`, made from the table of options. */

import { WrongUsage } from '../options/option.ts';
import type { Option } from '../options/option.ts';
import { OPTIONS, OPTION_NAMES, isPositional, toFlag } from '../options/options.ts';
import type { OptionName } from '../options/options.ts';
import { didYouMean, similarTo } from '../../similar.ts';
import { labelled, section, wrap } from './layout.ts';
import type { Entry } from './layout.ts';

export const USAGE = ['postern [APP] [options]', 'postern conf FRONTEND [APP] [options]'] as const;

export const SUMMARY =
  'Serves an application over HTTP, FastCGI, SCGI, uwsgi or CGI; or prints the configuration of a web server for it.';

/** What goes without saying in the description of each option. */
export const NOTES: readonly string[] = [
  'Without APP the application is what "main" or "exports" of package.json names, or app.mjs, app.js, app.ts or app.cjs in ' +
    'this folder; APP may be another folder.',
  'Without a gateway the way the process was started decides: CGI variables, sockets passed by a service manager, a ' +
    'listening socket on descriptor 0; otherwise HTTP on 127.0.0.1:8000.',
  'TIME is 30s, 500ms or 2m; without a unit it is in seconds, and 0 is no limit. SIZE is in bytes, or 64K, 10M, 1G.',
  'Each option is also a variable (--script-name: POSTERN_SCRIPT_NAME) and a configuration key ("scriptName"). Flags come ' +
    'before variables, variables before the configuration.',
];

const HELP: readonly Entry[] = [
  { label: '-h, --help[=GROUP]', text: 'Show the common options, those of GROUP, or all' },
  { label: '-V, --version', text: 'Show the version' },
];

/** The groups in their order. */
export const GROUPS: readonly Option<unknown>['group'][] = [
  ...new Set(OPTION_NAMES.map((name) => OPTIONS[name].group)),
];

/**
 * A page of help.
 *
 * @param topic `''`: the common options; `all`, or the name of a group
 * @param width columns of the terminal
 * @throws {WrongUsage} when there is no such group
 */
export function helpPage(topic: string, width: number): string {
  if (topic === '') return commonPage(width);
  const known = [...GROUPS.map((group) => group.toLowerCase()), 'all'];
  const groups = GROUPS.filter((group) => topic === 'all' || group.toLowerCase() === topic);
  if (groups.length === 0)
    throw new WrongUsage(
      `--help: there is no group ${JSON.stringify(topic)}, only ${known.join(', ')}` +
        didYouMean(similarTo(topic, known)),
    );
  const sections = groups.map((group) => section(`${group}:`, entriesOf(group), width));
  return topic === 'all' ? page([...sections, section('Help:', HELP, width)], width) : sections[0]!;
}

function commonPage(width: number): string {
  const common = OPTION_NAMES.filter((name) => OPTIONS[name] && 'basic' in OPTIONS[name]);
  const entries = [...common.map((name) => entryOf(name, 'brief')), ...HELP];
  const groups = `More: --help=${GROUPS.map((group) => group.toLowerCase()).join(', ')}; --help=all`;
  return `${usage(width)}\n${section('Common options:', entries, width)}\n${wrap(groups, width).join('\n')}\n`;
}

function page(sections: readonly string[], width: number): string {
  const notes = NOTES.flatMap((note) => wrap(note, width)).join('\n');
  return `${usage(width)}\n${sections.join('\n')}\n${notes}\n`;
}

function usage(width: number): string {
  return `${USAGE.join('\n')}\n\n${wrap(SUMMARY, width).join('\n')}\n`;
}

/** The options of a group. */
export function entriesOf(group: Option<unknown>['group']): Entry[] {
  return OPTION_NAMES.filter((name) => OPTIONS[name].group === group).map((name) => entryOf(name));
}

/** An option with its default, or in brief. */
export function entryOf(name: OptionName, form: 'brief' | 'whole' = 'whole'): Entry {
  const option: Option<unknown> = OPTIONS[name];
  const label = labelOf(name);
  if (form === 'brief') return { label, text: option.summary ?? option.describe };
  const value = defaultOf(option);
  return { label, text: describeOption(option) + (value === '' ? '' : ` (default: ${value})`) };
}

/** `-b, -p, --http ADDR`. */
export function labelOf(name: OptionName): string {
  const { argument, aliases }: Option<unknown> = OPTIONS[name];
  if (isPositional(name)) return argument!;
  return labelled({ name: toFlag(name), aliases, argument });
}

/** What an option does, with its other names. */
export function describeOption({ aliases = [], describe, repeated }: Option<unknown>): string {
  const others = aliases.filter((alias) => alias.length > 1).map((alias) => `--${alias}`);
  const also = others.length === 0 ? '' : `; also ${others.join(', ')}`;
  return describe + also + (repeated ? ' (may be repeated)' : '');
}

/** The default as a page shows it; `''` for none. */
export function defaultOf({ default: value, defaultText }: Option<unknown>): string {
  return defaultText ?? (value === undefined || value === false ? '' : String(value));
}
