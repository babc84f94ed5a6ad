/** What was thrown, and what caused it, as text: whatever it is, and whatever its members do. */

import type { Describer } from './describe.ts';

/** An error to be shown. None of its texts holds a secret, and none is longer than can be read. */
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
const MAX_FRAMES = 50;
const MAX_PROPERTIES = 50;
/** Characters of a frame: a path has at most 4,096 bytes on Linux, and hardly ever more than some hundred. */
const MAX_FRAME = 1024;

/** An error, then its cause and the cause of that, then the errors of an AggregateError. */
export function showErrors(error: unknown, describer: Describer): ShownError[] {
  const shown: ShownError[] = [];
  const seen = new Set<unknown>();
  const show = (value: unknown, relation: string): void => {
    if (shown.length >= MAX_ERRORS || seen.has(value)) return;
    seen.add(value);
    if (!isError(value)) {
      shown.push(showThrown(value, relation, describer));
      return;
    }
    shown.push(showError(value, relation, describer));
    const { cause, errors } = value;
    if (cause !== undefined) show(cause, 'Caused by');
    if (!Array.isArray(errors)) return;
    for (const one of (errors as unknown[]).slice(0, MAX_ERRORS)) show(one, 'One of its errors');
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

function showError(error: ErrorLike, relation: string, describer: Describer): ShownError {
  const { name, message, code, stack } = error;
  const text = String(message ?? '');
  return {
    relation,
    name: describer.name(`${String(name ?? 'Error')}${isCode(code) ? ` [${code}]` : ''}`),
    message: describer.text(text),
    stack: framesOf(String(stack ?? ''), text)
      .map((frame) => describer.text(frame, MAX_FRAME))
      .join('\n'),
    properties: propertiesOf(error, describer),
  };
}

function isCode(code: unknown): code is string | number {
  return typeof code === 'string' || typeof code === 'number';
}

/** Anything can be thrown. */
function showThrown(value: unknown, relation: string, describer: Describer): ShownError {
  const name = `${value === null ? 'null' : typeof value}, not an Error`;
  return { relation, name, message: describer.value('', value), stack: '', properties: [] };
}

/**
 * The frames of a stack. Its message stands before them, and might be made to look like one: it is whatever a client
 * has managed to put there.
 */
function framesOf(stack: string, message: string): string[] {
  const start = endOfMessage(stack, message);
  const room = MAX_FRAMES * MAX_FRAME;
  // Where the message has been changed since, the frames are what stands last.
  const frames = start < 0 ? stack.slice(-room) : stack.slice(start, start + room);
  return frames
    .split('\n')
    .filter((line) => /^\s+at .*:(?:\d+|0x[\da-f]+)\)?$/.test(line) && line.length <= MAX_FRAME)
    .slice(0, MAX_FRAMES);
}

/**
 * Where the message of a stack ends; -1 when it does not begin with it. V8 writes the name, which may have been changed
 * since, before it. A search for it in all of the stack could take the product of their lengths.
 */
function endOfMessage(stack: string, message: string): number {
  const colon = stack.indexOf(': ');
  const start = [colon + 2, 0].find((at) => stack.startsWith(message, at));
  return start === undefined ? -1 : start + message.length;
}

const SHOWN = new Set(['name', 'message', 'stack', 'cause', 'errors', 'code']);

function propertiesOf(error: object, describer: Describer): [string, string][] {
  const properties: [string, string][] = [];
  for (const name of Object.keys(error)) {
    if (properties.length >= MAX_PROPERTIES) break;
    const member = Object.getOwnPropertyDescriptor(error, name);
    if (SHOWN.has(name) || member === undefined || member.get !== undefined) continue;
    properties.push([describer.name(name), describer.value(name, member.value)]);
  }
  return properties;
}
