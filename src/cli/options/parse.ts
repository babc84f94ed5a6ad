/** Parses the command line with yargs. */

import { readFileSync } from 'node:fs';

import yargs from 'yargs';
import type { Argv, Options as YargsOptions } from 'yargs';

import { packageFile } from '../package.ts';
import { WrongUsage } from './option.ts';
import type { Option } from './option.ts';
import { OPTIONS, OPTION_NAMES, toFlag } from './options.ts';
import type { OptionName, RawValue, Source } from './options.ts';

const WIDTH = 100;

/** The result: a text to print (`--help`, `--version`), or the options that were given. */
export type Parsed = { readonly text: string } | { readonly source: Source };

/**
 * Parses the arguments of the command.
 *
 * @param args without node and the command itself
 * @throws {WrongUsage} for unknown options, missing values, and too many arguments
 */
export function parseArguments(args: readonly string[]): Parsed {
  let text = '';
  let failure: Error | null | undefined;
  const parsed = createParser().parseSync(
    [...args],
    {},
    (error: Error | null | undefined, _parsed, output) => {
      failure = error;
      text = output;
    },
  );
  if (failure) throw new WrongUsage(`${failure.message} (see postern --help)`);
  if (text !== '') return { text: `${text}\n` };
  const values: Partial<Record<OptionName, RawValue>> = {};
  for (const name of OPTION_NAMES) values[name] = parsed[nameOf(name)] as RawValue | undefined;
  return { source: { label: labelOf, values } };
}

function createParser(): Argv {
  const parser = withoutTypes(yargs())
    .scriptName('postern')
    .usage(USAGE)
    .command('$0 [APP]', false)
    .parserConfiguration({
      'camel-case-expansion': false,
      'dot-notation': false,
      // Every value stays text here: the reader of its option parses it.
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
    .locale('en') // as all other messages
    .strict()
    .exitProcess(false)
    .wrap(Math.min(WIDTH, process.stdout.columns ?? WIDTH))
    .version(version())
    .epilogue(EPILOGUE);
  for (const name of OPTION_NAMES) {
    const definition: Option<unknown> = OPTIONS[name];
    const describe = describeOption(definition);
    if (isPositional(name)) parser.positional(nameOf(name), { type: 'string', describe });
    else
      parser.option(nameOf(name), {
        ...typeOf(definition),
        group: `${definition.group}:`,
        describe,
      });
  }
  return parser.group(['help', 'version'], 'Help:');
}

/** Hides `[string]` behind each option. The type declarations of yargs lack this function. */
export function withoutTypes(parser: Argv): Argv {
  const configurable = parser as Argv & { usageConfiguration(options: object): Argv };
  return configurable.usageConfiguration({ 'hide-types': true });
}

const USAGE = `$0 [APP] [options]
$0 conf FRONTEND [APP] [options]

Serves an application over HTTP, FastCGI, SCGI, uwsgi or CGI; or prints the configuration of a web server for it.`;

const EPILOGUE =
  `Without a gateway the way the process was started decides: CGI variables, sockets passed by a \\
service manager, a listening socket on descriptor 0; otherwise HTTP on 127.0.0.1:8000.
Of limits, BYTES may end with K, M or G, and 0 SECONDS are no limit.
Each option is also a variable (--script-name: POSTERN_SCRIPT_NAME) and a configuration key \\
("scriptName"). Flags come before variables, variables before the configuration.`.replaceAll(
    '\\\n',
    '',
  );

function describeOption({ describe, default: value, defaultText }: Option<unknown>): string {
  const text = defaultText ?? (value === undefined || value === false ? undefined : String(value));
  return text === undefined ? describe : `${describe} (default: ${text})`;
}

function typeOf({ argument }: Option<unknown>): YargsOptions {
  if (argument === undefined) return { type: 'boolean' };
  // A string option that is given several times becomes an array. An array option of yargs would swallow APP.
  return { type: 'string', requiresArg: !argument.startsWith('[') };
}

/** The name of an option in yargs. */
function nameOf(name: OptionName): string {
  return isPositional(name) ? name.toUpperCase() : toFlag(name);
}

function labelOf(name: OptionName): string {
  return isPositional(name) ? nameOf(name) : `--${nameOf(name)}`;
}

function isPositional(name: OptionName): boolean {
  return 'positional' in OPTIONS[name];
}

function version(): string {
  const { version } = JSON.parse(readFileSync(packageFile(), 'utf8')) as { version: string };
  return version;
}
