/** The log of a gateway: one line a message, safe to look at in a terminal. */

import { inspect } from 'node:util';

import { escapeLine, escapeLines } from '../bytes.ts';
import type { Log } from '../types.ts';

/** How much a log shows: each level shows those before it as well. */
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';

/** From quiet to talkative. */
export const LOG_LEVELS = [
  'silent',
  'error',
  'warn',
  'info',
  'debug',
] as const satisfies LogLevel[];

/**
 * A log that writes lines `postern: message`, control characters escaped.
 *
 * @param level the most talkative level that is shown; default `'warn'`
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
    if (hasEndlessStack(error)) return escapeLines(shortStacks(error).join('\n'));
    return escapeLines(error instanceof Error ? inspect(error) : `Thrown: ${inspect(error)}`);
  } catch {
    // It may throw when it is looked at; whoever tells of it must not.
    return 'Thrown: something that cannot be shown';
  }
}

/**
 * No engine writes more lines than these, but a stack is text, and may have come from elsewhere. inspect() compares each
 * line of an error's stack with each of its cause's.
 */
const MAX_LINES = 500;
/** Errors that are looked at: an error, its causes and those of an AggregateError. */
const MAX_ERRORS = 100;
const MAX_CAUSES = 10;

function hasEndlessStack(error: unknown): boolean {
  const found = new Set([error]);
  for (const one of found) {
    if (!(one instanceof Error) || found.size > MAX_ERRORS) continue;
    if (firstLines(one).length > MAX_LINES) return true;
    found.add(one.cause);
    const errors: unknown = one instanceof AggregateError ? one.errors : undefined;
    if (Array.isArray(errors)) for (const inner of errors.slice(0, MAX_ERRORS)) found.add(inner);
  }
  return false;
}

/** The lines of the stack, and one more when there are too many. */
function firstLines(error: Error): string[] {
  try {
    return String(error.stack).split('\n', MAX_LINES + 1);
  } catch {
    return []; // Node may know what to do with it
  }
}

function shortStacks(error: unknown): string[] {
  const stacks: string[] = [];
  for (let at = error; at instanceof Error && stacks.length < MAX_CAUSES; at = at.cause) {
    const lines = firstLines(at);
    const stack = lines.slice(0, MAX_LINES).join('\n') + (lines.length > MAX_LINES ? '\n…' : '');
    stacks.push(stacks.length === 0 ? stack : `[cause]: ${stack}`);
  }
  return stacks;
}
