/** What the tests of the validator share. */

import { Readable } from 'node:stream';

import { expect } from 'vitest';

import {
  GatewayError,
  VALIDATION_RULES,
  ValidationError,
  setupTestingDefaults,
  validator,
} from '../../src/index.ts';
import type {
  Application,
  ApplicationFunction,
  Body,
  Environ,
  HeaderList,
  StartResponse,
  ValidationRule,
} from '../../src/index.ts';

export const TEXT: HeaderList = [['Content-Type', 'text/plain']];
export const HELLO: Buffer = Buffer.from('hello');

/** A gateway that takes everything. */
export const startNothing: StartResponse = () => () => undefined;

export const hello: ApplicationFunction = (_environ, startResponse) => {
  startResponse('200 OK', TEXT);
  return [HELLO];
};

/** An application that sends `body`, whatever it is. */
export function returning(body: unknown, headers: HeaderList = TEXT): ApplicationFunction {
  return (_environ, startResponse) => {
    startResponse('200 OK', headers);
    return body as Body;
  };
}

export function environWith(variables: Record<string, unknown> = {}): Environ {
  return setupTestingDefaults({ ...variables });
}

/** Runs an application as a gateway would: calls it, takes the whole body, closes it. */
export async function serve(
  app: Application,
  environ: Environ = environWith(),
  startResponse: StartResponse = startNothing,
): Promise<Buffer> {
  const body = await validator(app)(environ, startResponse);
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of body) chunks.push(chunk);
  } finally {
    await body.close?.();
  }
  return Buffer.concat(chunks);
}

/**
 * That `run` throws, or rejects with, a violation of the rule that names the value.
 *
 * @param look for what else there is to be said of it
 */
export async function violates(
  rule: ValidationRule,
  value: unknown,
  run: () => unknown,
  look: (error: ValidationError) => void = () => {},
): Promise<void> {
  let error: unknown;
  try {
    await run();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(ValidationError);
  const violation = error as ValidationError;
  expect(violation.rule, violation.message).toBe(rule);
  expect(violation).toBeInstanceOf(GatewayError);
  expect(violation.code).toBe('ERR_POSTERN_VALIDATION');
  expect(violation.message).toContain(rule);
  expect(violation.message).toContain(VALIDATION_RULES[rule]);
  expect(violation.value).toEqual(value);
  look(violation);
}

/** Lets through what no type checker would. */
export function unchecked<T>(value: unknown): T {
  return value as T;
}

// Kinds of bodies with one chunk, or one twice.
export function twice(chunk: unknown): Iterable<unknown> {
  return [chunk, chunk];
}
export function* generator(chunk: unknown): Iterable<unknown> {
  yield chunk;
}
export async function* later(chunk: unknown): AsyncIterable<unknown> {
  yield chunk;
}
export function stream(chunk: unknown): Readable {
  return Readable.from([chunk], { objectMode: true });
}
export function web(chunk: unknown): ReadableStream<unknown> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(chunk);
      controller.close();
    },
  });
}
