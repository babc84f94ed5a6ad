/** What the tests of several folders need: small applications, and waiting. */

import type { Environ, StartResponse } from '../src/types.ts';

/** Answers at once, in the turn in which the request comes. */
export function hello(_environ: Environ, startResponse: StartResponse): Uint8Array[] {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from('hello')];
}

/** Answers with the body of the request. */
export async function echo(environ: Environ, startResponse: StartResponse): Promise<Uint8Array[]> {
  const body = await environ['wsgi.input'].read();
  startResponse('200 OK', [['Content-Type', 'application/octet-stream']]);
  return [body];
}

/** A body that never ends by itself. @param onEnd called when it is ended from outside */
export function* endlessBody(onEnd: () => void = () => {}): Generator<Uint8Array> {
  try {
    for (;;) yield Buffer.alloc(50_000);
  } finally {
    onEnd();
  }
}

/** Waits until a condition holds. The time limit of the test is the limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Waits until a number has not changed for `ms` milliseconds. */
export async function untilUnchanged(value: () => number, ms = 300): Promise<number> {
  for (let last = NaN; value() !== last;) {
    last = value();
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
  return value();
}
