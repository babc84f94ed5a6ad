/**
 * Parses a command line by a table of options, with `parseArgs` of Node itself: it costs no start a module. (yargs needs
 * 80 ms to be loaded and as much again to parse, more than Node's own start.)
 */

import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';

import { WrongUsage } from '../options/option.ts';
import { foreignFlag } from './foreign-flags.ts';
import { didYouMean, similarTo } from '../../similar.ts';

/** An option as it is typed. */
export interface Flag {
  /** Without its dashes. */
  readonly name: string;
  /** Its other names; those of one letter take one dash. */
  readonly aliases?: readonly string[] | undefined;
  /**
   * The placeholder of its value. Without it the option is a switch. `[FILE]`: the value may be left out. `[=FILE]`: so it
   * may, and the next argument never is the value. `CERT KEY`: there are two.
   */
  readonly argument?: string | undefined;
  /** The values that there are, unless the reader of the option looks at that. */
  readonly choices?: readonly string[] | undefined;
  /** `--no-NAME` is known as well. Every switch has it. */
  readonly negatable?: boolean | undefined;
}

/** What was typed. */
export interface CommandLine {
  /** The values of each option by its name, in their order: `'true'` and `'false'` for switches. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** The name under which each option was typed: `--http` or `-b`. */
  readonly typed: ReadonlyMap<string, string>;
  /** The arguments that are no options. */
  readonly words: readonly string[];
}

/**
 * Parses arguments.
 *
 * @throws {WrongUsage} for an option that is not known, and for a missing value
 */
export function parseCommandLine(args: readonly string[], flags: readonly Flag[]): CommandLine {
  const byName = new Map<string, Flag>();
  for (const flag of flags)
    for (const name of [flag.name, ...(flag.aliases ?? [])]) byName.set(name, flag);
  for (const arg of args.slice(0, endOfOptions(args))) checkDashes(arg, byName);
  const { tokens } = parseArgs({
    args: withEmptyValues(args, byName),
    options: configure(flags),
    // All that is typed is text, and none of it is refused: our messages say more.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, string[]>();
  const typed = new Map<string, string>();
  const words: string[] = [];
  const waiting = [...tokens];
  for (let token = waiting.shift(); token !== undefined; token = waiting.shift()) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const { flag, value } = readOption(token, byName);
    const more = (flag.argument?.split(' ') ?? []).slice(1).map(() => {
      const next = waiting.shift();
      if (next?.kind !== 'positional') throw missingValue(token!.rawName, flag);
      return next.value;
    });
    values.set(flag.name, [...(values.get(flag.name) ?? []), value, ...more]);
    typed.set(flag.name, token.rawName);
  }
  return { values, typed, words };
}

/** `--access-log --http 0`: an optional value that is left out becomes an empty one. parseArgs has no such options. */
function withEmptyValues(args: readonly string[], byName: ReadonlyMap<string, Flag>): string[] {
  const end = endOfOptions(args);
  return args.map((arg, i) => {
    if (i >= end || !arg.startsWith('--') || isValue(args[i + 1])) return arg;
    const { argument = '' } = byName.get(arg.slice(2)) ?? {};
    return /^\[[^\]]*\]$/.test(argument) ? `${arg}=` : arg;
  });
}

/** The place of `--`, behind which there are no options. */
function endOfOptions(args: readonly string[]): number {
  const end = args.indexOf('--');
  return end === -1 ? args.length : end;
}

/** `-http` would be `-h -t -t -p`. */
function checkDashes(arg: string, byName: ReadonlyMap<string, Flag>): void {
  const name = /^-(\w[\w-]+)/.exec(arg)?.[1];
  if (name !== undefined && byName.has(name))
    throw new WrongUsage(`unknown option ${arg}${didYouMean(`--${name}`)}`);
}

/** Whether an argument can be the value of the option before it. A single dash stands for a standard stream. */
function isValue(arg: string | undefined): boolean {
  return arg !== undefined && (arg === '-' || !arg.startsWith('-'));
}

function configure(flags: readonly Flag[]): NonNullable<ParseArgsConfig['options']> {
  const options: NonNullable<ParseArgsConfig['options']> = {};
  for (const { name, aliases = [], argument } of flags) {
    const type = argument === undefined || isOnlyInline(argument) ? 'boolean' : 'string';
    options[name] = { type };
    for (const alias of aliases)
      options[alias] = alias.length === 1 ? { type, short: alias } : { type };
  }
  return options;
}

function isOnlyInline(argument: string): boolean {
  return argument.startsWith('[=');
}

function missingValue(rawName: string, { argument }: Flag): WrongUsage {
  return new WrongUsage(`${rawName} needs a value: ${rawName} ${argument}`);
}

function checkChoice(rawName: string, value: string, { choices }: Flag): void {
  if (choices === undefined || choices.includes(value)) return;
  throw new WrongUsage(
    `${rawName}: ${JSON.stringify(value)} is none of ${choices.join(', ')}${didYouMean(similarTo(value, choices))}`,
  );
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function readOption(
  { name, rawName, value, inlineValue }: OptionToken,
  byName: ReadonlyMap<string, Flag>,
): { flag: Flag; value: string } {
  const flag = byName.get(name);
  if (flag !== undefined) {
    if (flag.argument === undefined) return { flag, value: value ?? 'true' };
    if (isOnlyInline(flag.argument)) return { flag, value: value ?? '' };
    if (value === undefined || (inlineValue !== true && !isValue(value)))
      throw missingValue(rawName, flag);
    checkChoice(rawName, value, flag);
    return { flag, value };
  }
  const negated = name.startsWith('no-') ? byName.get(name.slice('no-'.length)) : undefined;
  if (negated !== undefined && (negated.negatable ?? negated.argument === undefined)) {
    if (value !== undefined) throw new WrongUsage(`${rawName} takes no value`);
    return { flag: negated, value: 'false' };
  }
  const known = [...byName.keys()].filter((each) => each.length > 1);
  const meant = similarTo(name.replace(/^no-/, ''), known);
  throw new WrongUsage(
    `unknown option ${rawName}${foreignFlag(rawName, byName) ?? didYouMean(meant && `--${meant}`)}`,
  );
}
