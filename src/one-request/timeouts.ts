/** What happens when a time limit of a request has passed. The limits themselves are in options.ts. */

import { LimitError } from '../errors.ts';
import type { InputStream } from '../input/input-stream.ts';
import type { RequestHandler } from './handler.ts';

/** Answers 503 instead of the application. */
export function onResponseTimeout(handler: object): void {
  const error = new LimitError('responseTimeout', 'no response within responseTimeout');
  (handler as RequestHandler).cancel(error);
}

/** Lets the application's read of the body fail. */
export function onBodyTimeout(input: object): void {
  const message = 'the body stalled for bodyTimeout';
  (input as InputStream).destroy(new LimitError('bodyTimeout', message, '408 Request Timeout'));
}

export function variablesTimeoutError(): LimitError {
  return new LimitError('variablesTimeout', 'the variables took longer than variablesTimeout');
}

export function sendTimeoutError(): LimitError {
  return new LimitError('sendTimeout', 'nothing was read for sendTimeout');
}
