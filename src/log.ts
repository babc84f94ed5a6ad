/** The log of a gateway: one line a message, safe to look at in a terminal. */

import { inspect } from 'node:util';

import { escapeLine, escapeLines } from './bytes.ts';
import type { Log } from './types.ts';

/** From quiet to talkative; each level shows those before it. */
export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * A log that writes lines `postern: message`.
 *
 * @param level the most talkative level that is shown
 * @param write takes one line, newline included; default: stderr
 */
export function createLog(
  level: LogLevel = 'warn',
  write: (line: string) => void = (line) => void process.stderr.write(line),
): Log {
  const shown = LOG_LEVELS.indexOf(level);
  const at =
    (name: LogLevel, label: string) =>
    (message: string): void => {
      if (LOG_LEVELS.indexOf(name) <= shown) write(`postern: ${label}${escapeLine(message)}\n`);
    };
  return {
    error: at('error', ''),
    warn: at('warn', ''),
    info: at('info', ''),
    debug: at('debug', 'debug: '),
  };
}

/** Where messages go when no log is given: warnings and errors to stderr. */
export const DEFAULT_LOG: Log = createLog();

/** An error for a log: stack and chain of causes, several lines, control characters escaped. */
export function formatError(error: unknown): string {
  try {
    return escapeLines(error instanceof Error ? inspect(error) : `Thrown: ${inspect(error)}`);
  } catch {
    // It may throw when it is looked at; whoever tells of it must not.
    return 'Thrown: something that cannot be shown';
  }
}
