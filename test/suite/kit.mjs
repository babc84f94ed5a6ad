/**
 * What the applications of the rows are made of. They tell their checks what happened, from whatever
 * process and account they run in, through a file that a request header names.
 *
 * @import { Environ, Header } from '../../src/types.ts'
 * @import { Response } from './types.ts'
 */

import assert from 'node:assert/strict';
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Headers of a response that is about something else. @type {Header[]} */
export const TEXT = [['Content-Type', 'text/plain']];

/** The request headers that the suite adds. */
export const ROW_HEADER = 'X-Suite-Row';
export const FILE_HEADER = 'X-Suite-File';

/** @param {Environ} environ */
function fileOf(environ) {
  return String(environ['HTTP_X_SUITE_FILE']);
}

/**
 * Tells the check. Synchronous: it is told even if the process ends with the next statement.
 *
 * @param {Environ} environ
 * @param {string} name
 * @param {unknown} [data]
 */
export function report(environ, name, data) {
  appendFileSync(fileOf(environ), `${JSON.stringify({ name, data })}\n`);
}

/**
 * Waits until the check says `signal()`.
 *
 * @param {Environ} environ
 */
export async function signalled(environ) {
  while (!isSignalled(environ)) await sleep(5);
}

/**
 * Whether the check has said `signal()`.
 *
 * @param {Environ} environ
 */
export function isSignalled(environ) {
  return existsSync(`${fileOf(environ)}.go`);
}

/**
 * Lets something through that no type checker would: what applications in plain JavaScript may do.
 *
 * @param {unknown} value
 * @returns {never}
 */
export function unchecked(value) {
  return /** @type {never} */ (value);
}

/**
 * What `run` throws; fails when it throws nothing.
 *
 * @param {() => unknown} run
 * @returns {unknown}
 */
export function thrownBy(run) {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/**
 * @param {unknown} error
 * @returns {string | undefined}
 */
export function codeOf(error) {
  return /** @type {{ code?: string } | undefined} */ (error)?.code;
}

/**
 * That the client could not take a response for a complete one. What had left of it may have arrived;
 * a front end that had passed on nothing yet may have answered for itself.
 *
 * @param {Response} response
 * @param {string} begun all of its body that was sent
 */
export function assertBroken(response, begun) {
  if (response.status >= 500) return;
  assert.equal(response.complete, false, `complete: ${response.status} ${response.text}`);
  assert.ok(begun.startsWith(response.text), response.text);
}
