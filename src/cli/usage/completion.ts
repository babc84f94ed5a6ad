/** The completion of a shell, by yargs. It is loaded for nothing else: it needs longer than Node's own start. */

import yargs from 'yargs';

import { CONF_OPTIONS } from '../conf/conf-arguments.ts';
import { FILES } from '../conf/front-ends.ts';
import type { Option } from '../options/option.ts';
import { OPTIONS, OPTION_NAMES, isPositional, toFlag } from '../options/options.ts';

/**
 * `postern completion`: prints a script for bash, or for zsh where that is the shell. The script calls the command again,
 * which prints the words that may follow.
 *
 * @param args without node and the command itself
 */
export function runCompletion(args: readonly string[]): void {
  const parser = yargs()
    .scriptName('postern')
    .completion('completion', 'Print a script for the completion of the shell')
    .command('conf <FRONTEND> [APP]', 'Print the configuration of a web server', (conf) => {
      conf.positional('FRONTEND', { choices: Object.keys(FILES) });
      for (const [name, { argument, choices, describe }] of Object.entries(CONF_OPTIONS))
        conf.option(name, { ...typeOf(argument), ...(choices && { choices }), describe });
      return conf;
    })
    .locale('en') // as all other messages
    .exitProcess(false)
    .alias({ help: 'h', version: 'V' });
  for (const name of OPTION_NAMES) {
    if (isPositional(name)) continue;
    const { argument, choices, aliases, describe }: Option<unknown> = OPTIONS[name];
    parser.option(toFlag(name), {
      ...typeOf(argument),
      global: false,
      ...(choices && { choices }),
      ...(aliases && { alias: aliases }),
      describe,
    });
  }
  parser.parseSync([...args]);
}

function typeOf(argument: string | undefined): { type: 'boolean' | 'string' } {
  return { type: argument === undefined ? 'boolean' : 'string' };
}
