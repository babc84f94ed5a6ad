/** What the validator leaves as it was. */

import { PassThrough } from 'node:stream';

import { describe, expect, test, vi } from 'vitest';

import { FileWrapper, validator } from '../../src/index.ts';
import type { Body, Environ, StartResponse } from '../../src/index.ts';
import {
  HELLO,
  environWith,
  generator,
  hello,
  returning,
  serve,
  startNothing,
  violates,
} from './kit.ts';

/** What the validator makes of a body. */
function wrap(body: unknown): Body {
  return validator(returning(body))(environWith(), startNothing) as Body;
}

describe('what a gateway sees', () => {
  test('is synchronous as the application is', () => {
    expect(wrap([HELLO]).close!()).toBeUndefined();
    const sync = wrap(generator(HELLO)) as Iterable<Uint8Array> & { close(): unknown };
    expect(Symbol.asyncIterator in sync).toBe(false);
    expect([...sync]).toEqual([HELLO]);
    expect(sync.close()).toBeUndefined();
  });

  test('is an array of length one if it was one, that is closed', () => {
    const close = vi.fn<() => void>();
    const body = wrap(Object.assign([HELLO], { close })) as unknown as Uint8Array[] & Body;
    expect(Array.isArray(body)).toBe(true);
    expect(body).toHaveLength(1);
    expect(body[0]).toBe(HELLO);
    expect([...body]).toEqual([HELLO]);
    body.close!();
    expect(close).toHaveBeenCalledOnce();
  });

  test('is a FileWrapper if it was one, that is closed', async () => {
    const close = vi.fn<() => void>();
    const reads = [HELLO, null];
    const filelike = { read: () => reads.shift()!, close };
    const body = wrap(new FileWrapper(filelike, 7)) as FileWrapper;
    expect(body).toBeInstanceOf(FileWrapper);
    expect(body.filelike).toBe(filelike);
    expect(body.blockSize).toBe(7);
    const chunks = [];
    for await (const chunk of body) chunks.push(chunk);
    expect(chunks).toEqual([HELLO]);
    expect(close).not.toHaveBeenCalled();
    await body.close();
    expect(close).toHaveBeenCalledOnce();
  });

  test('closes a generator that was left early, once', async () => {
    const close = vi.fn<() => void>();
    const body = wrap(
      (function* () {
        try {
          yield HELLO;
          yield HELLO;
        } finally {
          close();
        }
      })(),
    );
    for await (const _ of body) break;
    await body.close!();
    expect(close).toHaveBeenCalledOnce();
  });

  test('does not tell an iterator to return that has ended or thrown', async () => {
    for (const outcome of ['ends', 'throws', 'ends later', 'throws later']) {
      const returned = vi.fn<() => never>();
      const step = (): unknown => {
        if (outcome.startsWith('throws')) throw new Error('body');
        return { done: true, value: undefined };
      };
      const iterator = outcome.endsWith('later')
        ? { next: async () => step(), return: returned, [Symbol.asyncIterator]: () => iterator }
        : { next: step, return: returned, [Symbol.iterator]: () => iterator };
      const body = wrap(iterator);
      const iterate = async (): Promise<void> => {
        for await (const _ of body);
      };
      await iterate().catch((error: Error) => expect(error.message).toBe('body'));
      await body.close!();
      expect(returned, outcome).not.toHaveBeenCalled();
    }
  });

  test('ends a body in which a rule was broken', async () => {
    const ended = vi.fn<() => void>();
    const body = wrap(
      (function* () {
        try {
          yield 'text';
        } finally {
          ended();
        }
      })(),
    );
    await violates('body.chunk', 'text', async () => {
      for await (const _ of body);
    });
    await body.close!();
    expect(ended).toHaveBeenCalledOnce();
  });

  test('destroys a Node stream and cancels a web stream, also while a read is pending', async () => {
    const node = new PassThrough();
    const nodeBody = wrap(node) as AsyncIterable<Uint8Array> & Body;
    const nodeRead = nodeBody[Symbol.asyncIterator]().next();
    await nodeBody.close!();
    expect(node.destroyed).toBe(true);
    await expect(nodeRead).rejects.toThrow();

    const cancel = vi.fn<() => void>();
    const webBody = wrap(new ReadableStream({ cancel })) as AsyncIterable<Uint8Array> & Body;
    const webRead = webBody[Symbol.asyncIterator]().next();
    await webBody.close!();
    expect(cancel).toHaveBeenCalledOnce();
    expect(await webRead).toEqual({ done: true, value: undefined });
  });

  test('is what two validators around each other let through', async () => {
    expect(await serve(validator(validator(hello)))).toEqual(HELLO);
  });

  test('comes from a class or an object, too', async () => {
    class App {
      constructor(environ: Environ, startResponse: StartResponse) {
        hello(environ, startResponse);
      }
      *[Symbol.iterator](): Iterator<Uint8Array> {
        yield HELLO;
      }
    }
    expect(await serve(App)).toEqual(HELLO);
    expect(await serve({ call: hello })).toEqual(HELLO);
  });
});
