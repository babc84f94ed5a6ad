/** Prints errors that end the command. */

import { escapeLine } from '../bytes.ts';
import { UsageError, isInstance } from '../errors.ts';
import { formatError } from '../logging/log.ts';
import type { LogLevel } from '../logging/log.ts';

/**
 * Prints an error. An error that the user can correct is one line, with its stack only at the level `debug`. Any other
 * error is a defect, and its stack is printed.
 */
export function reportError(error: unknown, level: LogLevel = 'info'): void {
  process.stderr.write(`postern: ${formatFailure(error, level)}\n`);
}

/** Prints one line, whatever the log level: before the settings are known. */
export function reportLine(message: string): void {
  process.stderr.write(`postern: ${escapeLine(message)}\n`);
}

/** The text that {@link reportError} prints. */
export function formatFailure(error: unknown, level: LogLevel = 'info'): string {
  const isBrief = isInstance(error, UsageError) && level !== 'debug';
  return isBrief ? escapeLine(error.message) : formatError(error);
}
