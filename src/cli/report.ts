/** How the command tells of an error that ends it. */

import { escapeLine } from '../bytes.ts';
import { UsageError } from '../errors.ts';
import { formatError } from '../logging/log.ts';
import type { LogLevel } from '../logging/log.ts';

/**
 * What the user can set right is said in one line, and with its stack at the level `debug`.
 * Everything else is a defect, of which the stack is what matters.
 */
export function reportError(error: unknown, level: LogLevel = 'info'): void {
  process.stderr.write(`postern: ${formatFailure(error, level)}\n`);
}

/** Tells of something in one line, before it is known what is to be told. */
export function reportLine(message: string): void {
  process.stderr.write(`postern: ${escapeLine(message)}\n`);
}

/** What {@link reportError} says of an error. */
export function formatFailure(error: unknown, level: LogLevel = 'info'): string {
  const isBrief = error instanceof UsageError && level !== 'debug';
  return isBrief ? escapeLine(error.message) : formatError(error);
}
