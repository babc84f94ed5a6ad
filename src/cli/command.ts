/**
 * The command, unless a web server has started it as a CGI program. What an invocation does not use is not loaded:
 * `--version` loads no option, `--help` no gateway, and nothing but the completion of a shell loads yargs.
 */

import { isInstance } from '../errors.ts';
import { WrongUsage } from './options/option.ts';
import type { Settings } from './options/options.ts';
import { readVersion } from './package.ts';
import { reportError } from './report.ts';

/** Lines of help are no longer, however wide the terminal is. */
const MAX_WIDTH = 100;

/**
 * Runs the command. Errors are printed on stderr and end the process: with exit code 2 for wrong usage, with 1 otherwise.
 *
 * @param args without node and the command itself
 */
export async function runCommand(args: readonly string[]): Promise<void> {
  let settings: Settings | undefined;
  try {
    const [first] = args;
    if (first === 'conf') {
      const { runConf } = await import('./conf/conf-command.ts');
      runConf(args.slice(1));
    } else if (first === 'completion' || first === '--get-yargs-completions') {
      const { runCompletion } = await import('./usage/completion.ts');
      runCompletion(args);
    } else if (args.length === 1 && (first === '--version' || first === '-V')) {
      process.stdout.write(`${readVersion()}\n`);
    } else {
      const { parseArguments } = await import('./usage/parse.ts');
      const parsed = parseArguments(args);
      if ('text' in parsed) {
        process.stdout.write(parsed.text);
        return;
      }
      if ('help' in parsed) {
        const { helpPage } = await import('./usage/help.ts');
        const width = Math.min(MAX_WIDTH, process.stdout.columns ?? MAX_WIDTH);
        process.stdout.write(helpPage(parsed.help, width));
        return;
      }
      const { readSettings } = await import('./settings/settings.ts');
      settings = readSettings(parsed.source);
      const { start } = await import('./serve/start.ts');
      await start(settings);
    }
  } catch (error) {
    reportError(error, settings?.logLevel);
    // exit(), because an application that was loaded may have timers and connections open.
    process.exit(isInstance(error, WrongUsage) ? 2 : 1);
  }
}
