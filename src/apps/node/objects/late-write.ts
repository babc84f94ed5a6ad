/**
 * Writes after the end of a response. node:http emits 'error' for them, which ends the process if nobody listens for it:
 * then the gateway logs it instead.
 */

import type { ServerResponse } from 'node:http';

import { ApplicationError } from '../../../errors.ts';

/** Is called with the error of such a write. */
export type WriteCallback = (error?: Error | null) => void;

/** Whether a chunk comes after the end. After 'close' there is no event, under node:http either. */
export function isLate(response: ServerResponse, chunk: unknown): boolean {
  if (!response.writableEnded || response.destroyed) return false;
  return (typeof chunk === 'string' || chunk instanceof Uint8Array) && chunk.length > 0;
}

/** Tells the callback what node:http would tell it. @returns the error to be logged */
export function refuseLate(callback: unknown): ApplicationError {
  const cause = Object.assign(new Error('write after end'), { code: 'ERR_STREAM_WRITE_AFTER_END' });
  if (typeof callback === 'function') process.nextTick(callback as WriteCallback, cause);
  return new ApplicationError('the listener wrote after the end of its response', { cause });
}
