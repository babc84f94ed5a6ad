/** What was thrown, and what caused it, as text: whatever it is, and whatever its members do. */

import { clip, describeValue } from './mask.ts';

/** An error to be shown. */
export interface ShownError {
  /** What it is to the one before it: `Caused by`; `''` for the first. */
  relation: string;
  /** `TypeError`, and its code if it has one. */
  name: string;
  message: string;
  /** The frames of its stack as V8 writes them, a line each, without name and message. */
  stack: string;
  /** What else it has: names and values. */
  properties: [name: string, value: string][];
}

/** An error has causes without end, or is its own. */
const MAX_ERRORS = 10;

/** An error, then its cause and the cause of that, then the errors of an AggregateError. */
export function showErrors(error: unknown): ShownError[] {
  const shown: ShownError[] = [];
  const seen = new Set<unknown>();
  const show = (value: unknown, relation: string): void => {
    if (shown.length >= MAX_ERRORS || seen.has(value)) return;
    seen.add(value);
    shown.push(isError(value) ? showError(value, relation) : showThrown(value, relation));
    if (!isError(value)) return;
    const { cause, errors } = value;
    if (cause !== undefined) show(cause, 'Caused by');
    if (Array.isArray(errors))
      for (const one of errors as unknown[]) show(one, 'One of its errors');
  };
  show(error, '');
  return shown;
}

interface ErrorLike {
  name?: unknown;
  message?: unknown;
  stack?: unknown;
  code?: unknown;
  cause?: unknown;
  errors?: unknown;
}

/** Errors of another realm, and those that only look like one, are errors too. */
function isError(value: unknown): value is ErrorLike {
  return value instanceof Error || typeof (Object(value) as ErrorLike).stack === 'string';
}

function showError(error: ErrorLike, relation: string): ShownError {
  const { name, message, code, stack } = error;
  const text = String(message ?? '');
  return {
    relation,
    name: `${String(name ?? 'Error')}${isCode(code) ? ` [${code}]` : ''}`,
    message: clip(text),
    stack: framesOf(String(stack ?? ''), text),
    properties: propertiesOf(error),
  };
}

function isCode(code: unknown): code is string | number {
  return typeof code === 'string' || typeof code === 'number';
}

/** Anything can be thrown. */
function showThrown(value: unknown, relation: string): ShownError {
  const name = `${value === null ? 'null' : typeof value}, not an Error`;
  return { relation, name, message: describeValue('', value), stack: '', properties: [] };
}

/**
 * The frames of a stack. Its message stands before them, and might be made to look like one: it is whatever a client
 * has managed to put there.
 */
function framesOf(stack: string, message: string): string {
  const start = stack.indexOf(message);
  const frames = start < 0 ? stack : stack.slice(start + message.length);
  return frames
    .split('\n')
    .filter((line) => /^\s+at .*\d/.test(line))
    .slice(0, MAX_FRAMES)
    .join('\n');
}

const MAX_FRAMES = 50;

const SHOWN = new Set(['name', 'message', 'stack', 'cause', 'errors', 'code']);

function propertiesOf(error: object): [string, string][] {
  return Object.entries(Object.getOwnPropertyDescriptors(error))
    .filter(([name, { enumerable, get }]) => enumerable && !get && !SHOWN.has(name))
    .map(([name, { value }]) => [name, describeValue(name, value)]);
}
