/** How the command tells of an error that ends it. */

import { escapeLine } from '../bytes.ts';
import { UsageError } from '../errors.ts';
import { formatError } from '../log.ts';
import type { LogLevel } from '../log.ts';

/**
 * What the user can set right is said in one line, and with its stack at the level `debug`.
 * Everything else is a defect, of which the stack is what matters.
 */
export function reportError(error: unknown, level: LogLevel = 'info'): void {
  const isBrief = error instanceof UsageError && level !== 'debug';
  const text = isBrief ? escapeLine(error.message) : formatError(error);
  process.stderr.write(`postern: ${text}\n`);
}
