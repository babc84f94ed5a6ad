/** Errors and their causes as text. Anything can be thrown, and its members can be anything. */

import type { Describer } from './describe.ts';

/** An error as it is shown: its texts are short, and secrets in them are masked. */
export interface ShownError {
  /** The relation to the error before it: `Caused by`; `''` for the first. */
  relation: string;
  /** `TypeError`, and its code if it has one. */
  name: string;
  message: string;
  /** The frames of the stack, one a line, as V8 writes them. Name and message are left out. */
  stack: string;
  /** Its other properties: names and values. */
  properties: [name: string, value: string][];
}

/** An error may be its own cause, or have causes without end. */
const MAX_ERRORS = 10;
const MAX_FRAMES = 50;
const MAX_PROPERTIES = 50;
/** Characters of a frame. A path has at most 4,096 bytes on Linux, and rarely more than a few hundred. */
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

/** Also true for errors of another realm, and for objects with a stack. */
function isError(value: unknown): value is ErrorLike {
  try {
    return value instanceof Error || typeof (Object(value) as ErrorLike).stack === 'string';
  } catch {
    return false; // a revoked Proxy
  }
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

/** Shows a value that is not an error. */
function showThrown(value: unknown, relation: string, describer: Describer): ShownError {
  const name = `${value === null ? 'null' : typeof value}, not an Error`;
  return { relation, name, message: describer.value('', value), stack: '', properties: [] };
}

/**
 * The frames of a stack. The message before them is skipped: a client may have put text into it that looks like frames.
 */
function framesOf(stack: string, message: string): string[] {
  const start = endOfMessage(stack, message);
  const room = MAX_FRAMES * MAX_FRAME;
  // If the message was changed after the stack was made, it is not found. The frames are at the end.
  const frames = start < 0 ? stack.slice(-room) : stack.slice(start, start + room);
  return frames
    .split('\n')
    .filter((line) => /^\s+at .*:(?:\d+|0x[\da-f]+)\)?$/.test(line) && line.length <= MAX_FRAME)
    .slice(0, MAX_FRAMES);
}

/**
 * Where the message ends in a stack; -1 when the stack does not begin with it. V8 writes the name and `: ` before the
 * message. The name may have been changed after that. The message is not searched for in the whole stack: that could
 * take the product of their lengths.
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
