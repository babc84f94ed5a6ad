/** The log of a gateway: one line for each message, safe to show in a terminal. */

import { inspect } from 'node:util';

import { escapeLine, escapeLines } from '../bytes.ts';
import { isInstance } from '../errors.ts';
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

const SAID = new WeakMap<Log, Set<string>>();

/** Warns of something that an application does with each request: once for each log. */
export function warnOnce(log: Log, message: string): void {
  const said = SAID.get(log) ?? new Set();
  if (said.has(message)) return;
  SAID.set(log, said.add(message));
  log.warn(message);
}

/** The log when none is given: warnings and errors go to stderr. */
export const DEFAULT_LOG: Log = createLog();

/** An error as text for a log: several lines, with the stack and the chain of causes. Control characters are escaped. */
export function formatError(error: unknown): string {
  try {
    if (!hasEndlessStack(error)) {
      return escapeLines(isInstance(error, Error) ? inspect(error) : `Thrown: ${inspect(error)}`);
    }
  } catch {
    // A getter or a Proxy may throw when it is inspected. Logging must not.
  }
  return escapeLines(shortStacks(error).join('\n')) || 'Thrown: something that cannot be shown';
}

/**
 * Lines of a stack. No engine writes more, but a stack is text that can come from anywhere. inspect() compares each line
 * of an error's stack with each line of its cause's stack.
 */
const MAX_LINES = 500;
/** Errors that are checked: an error, its causes, and those of an AggregateError. */
const MAX_ERRORS = 100;
const MAX_CAUSES = 10;

function hasEndlessStack(error: unknown): boolean {
  const found = new Set([error]);
  for (const one of found) {
    if (!isInstance(one, Error) || found.size > MAX_ERRORS) continue;
    if (firstLines(one).length > MAX_LINES) return true;
    found.add(one.cause);
    const errors: unknown = isInstance(one, AggregateError) ? one.errors : undefined;
    if (Array.isArray(errors)) for (const inner of errors.slice(0, MAX_ERRORS)) found.add(inner);
  }
  return false;
}

/** The lines of the stack, and one more when there are too many. */
function firstLines(error: Error): string[] {
  try {
    return String(error.stack).split('\n', MAX_LINES + 1);
  } catch {
    return []; // inspect() handles a `stack` that throws
  }
}

function shortStacks(error: unknown): string[] {
  const stacks: string[] = [];
  for (let at = error; isInstance(at, Error) && stacks.length < MAX_CAUSES; at = causeOf(at)) {
    const lines = firstLines(at);
    const stack = lines.slice(0, MAX_LINES).join('\n') + (lines.length > MAX_LINES ? '\n…' : '');
    stacks.push(stacks.length === 0 ? stack : `[cause]: ${stack}`);
  }
  return stacks;
}

function causeOf(error: Error): unknown {
  try {
    return error.cause;
  } catch {
    return undefined;
  }
}
