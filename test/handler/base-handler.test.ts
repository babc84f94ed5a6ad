/** The rules of a response, by the smallest gateway: what is sent, when, and what is not. */

import { createHook } from 'node:async_hooks';

import { describe, expect, test, vi } from 'vitest';

import { ApplicationError } from '../../src/errors.ts';
import type {
  ApplicationFunction,
  Body,
  HeaderList,
  Input,
  StartResponse,
  Write,
} from '../../src/types.ts';
import { MemoryHandler } from './memory-handler.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
const raise = (error: unknown): never => {
  throw error;
};

async function serve(
  application: ApplicationFunction,
  variables: Record<string, string> = {},
  handler = new MemoryHandler(variables),
): Promise<MemoryHandler> {
  await handler.run(application);
  return handler;
}

/** An application that starts its response and does the rest by itself. */
function starting(
  rest: (write: Write, startResponse: StartResponse) => unknown,
  status = '200 OK',
  headers: HeaderList = [],
): ApplicationFunction {
  return (_environ, startResponse) => rest(startResponse(status, headers), startResponse) as Body;
}

function* generate(...chunks: string[]): Generator<Uint8Array> {
  yield* chunks.map(bytes);
}
async function* generateLater(...chunks: string[]): AsyncGenerator<Uint8Array> {
  yield* generate(...chunks);
}

const late: ApplicationFunction = function* (_environ, startResponse) {
  yield bytes('');
  startResponse('200 OK', []);
  yield bytes('a');
};

describe('what the gateway is asked to do', () => {
  test.each<[string, ApplicationFunction, string[]]>([
    ['one chunk is a single call', starting(() => [bytes('a')]), ['finish head a']],
    ['no chunk', starting(() => []), ['finish head']],
    ['an empty one', starting(() => [bytes('')]), ['finish head']],
    ['several', starting(() => generate('a', 'b')), ['send head a', 'send b', 'finish']],
    [
      'several in an array',
      starting(() => ['a', 'b'].map(bytes)),
      ['send head a', 'send b', 'finish'],
    ],
    [
      'several, later',
      starting(() => generateLater('a', 'b')),
      ['send head a', 'send b', 'finish'],
    ],
    [
      'empty chunks send nothing',
      starting(() => generate('', 'a', '', '')),
      ['send head a', 'finish'],
    ],
    ['nothing but empty chunks', starting(() => generateLater('', '')), ['finish head']],
    [
      'write() precedes the body, and sends the head even with nothing',
      starting((write) => {
        write('');
        write('a');
        return [bytes('b')];
      }),
      ['send head', 'send a', 'finish b'],
    ],
    ['text is UTF-8, and one chunk', starting(() => 'é'), ['finish head \xc3\xa9']],
    ['bytes are one chunk, too', starting(() => bytes('abc')), ['finish head abc']],
  ])('%s', async (_, application, events) => {
    const handler = await serve(application);
    expect(handler.events).toEqual(events);
    expect(handler.errors).toBe('');
  });

  test('startResponse stores, and transmits nothing', async () => {
    const handler = new MemoryHandler();
    await handler.run(
      starting(() => {
        expect([handler.headersSent, handler.events]).toEqual([false, []]);
        return [bytes('a')];
      }),
    );
    expect(handler.headersSent).toBe(true);
  });

  test('startResponse may come with the first chunk that is not empty, and no later', async () => {
    expect((await serve(late)).events).toEqual(['send head a', 'finish']);
    for (const body of [() => generate('a'), () => generate(), () => [bytes('a')], () => []]) {
      const { head, errors } = await serve(body);
      expect(head[0]).toBe('Status: 500 Internal Server Error');
      expect(errors).toContain('without calling startResponse');
    }
  });
});

describe('without a promise', () => {
  test.each<[string, ApplicationFunction]>([
    ['an array', starting(() => [bytes('a')])],
    [
      'a long array with close()',
      starting(() => Object.assign([bytes('a'), bytes('b')], { close() {} })),
    ],
    ['a generator', starting(() => generate('a', 'b'))],
    ['write()', starting((write) => [write('a')].slice(1))],
    ['an error', () => raise(new ApplicationError('at once'))],
    ['an error midway', starting((write) => raise(write('a')))],
  ])('%s is answered at once, and nothing asynchronous is begun', (_, application) => {
    // The first run of anything loads what it needs.
    void new MemoryHandler().run(application);
    const handler = new MemoryHandler();
    const begun: string[] = [];
    const hook = createHook({ init: (_id, type) => void begun.push(type) }).enable();
    const result = handler.run(application);
    hook.disable();
    // The async context of a request is such a resource, too, but begins nothing.
    const asynchronous = begun.filter((type) => type !== 'PosternRequest');
    expect(result).toBeUndefined();
    expect(handler.events.at(-1)).toMatch(/^(?:finish|abandon)/);
    expect(asynchronous).toEqual([]);
  });
});

const again = (...excInfo: unknown[]): ApplicationFunction =>
  starting((_write, startResponse) => {
    (startResponse as (...args: unknown[]) => void)('500 Failed', [['X-Second', '1']], ...excInfo);
    return [bytes('second')];
  });

describe('a gateway that takes text', () => {
  const LAST = { done: false, value: 'hello', isLast: true };
  class TextHandler extends MemoryHandler {
    override readonly takesText = true;
  }
  const gives = (text: string): ApplicationFunction => starting(() => [text]);
  const declaring = (length: number): ApplicationFunction =>
    starting(() => ['hello'], '200 OK', [['Content-Length', String(length)]]);
  const long = 'x'.repeat(64 * 1024);

  const serveText = (
    application: ApplicationFunction,
    variables: Record<string, string> = {},
  ): Promise<MemoryHandler> => serve(application, variables, new TextHandler(variables));

  test.each<[string, ApplicationFunction, last: string]>([
    ['ASCII', gives('hello'), 'text hello'],
    ['ASCII of 64 KiB', gives(long), `text ${long}`],
    ['more than that as bytes', gives(`${long}x`), `${long}x`],
    ['other text as bytes', gives('h\xe9llo \u20ac'), 'h\xc3\xa9llo \xe2\x82\xac'],
    [
      'what is known to be the last of an iterator',
      starting(() => ({ [Symbol.iterator]: () => ({ next: () => LAST }) })),
      'text hello',
    ],
    [
      'what is known to be the last of an asynchronous one',
      starting(() => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve(LAST) }) })),
      'text hello',
    ],
  ])('gets %s', async (_, application, last) => {
    const handler = await serveText(application);
    expect(handler.events).toEqual([`finish head ${last}`]);
    // The bytes are those that any other gateway sends.
    expect(handler.output).toBe((await serve(application)).output);
  });

  test('gets no text that is empty', async () => {
    const handler = await serveText(gives(''));
    expect(handler.events).toEqual(['finish head']);
    expect(handler.output).toMatch(/Content-Length: 0\r\n\r\n$/);
  });

  test('and no body in the answer to HEAD', async () => {
    const handler = await serveText(gives('hello'), { REQUEST_METHOD: 'HEAD' });
    expect(handler.output).toMatch(/Content-Length: 5\r\n\r\n$/);
  });

  test('no more than Content-Length tells, and a broken response where it is less', async () => {
    const more = await serveText(declaring(3));
    expect(more.output).toMatch(/Content-Length: 3\r\n\r\nhel$/);
    expect(more.errors).toContain('more than its Content-Length of 3 bytes');
    const less = await serveText(declaring(9));
    expect(less.events.at(-1)).toBe('abandon');
    expect(less.errors).toContain('4 bytes before its Content-Length');
  });
});

describe('startResponse for the second time', () => {
  test('is refused without excInfo, also when the first call threw', async () => {
    const { head, errors } = await serve(again());
    expect(head[0]).toBe('Status: 500 Internal Server Error');
    expect(errors).toContain('Headers already set');
    const handler = await serve((_environ, startResponse) => {
      expect(() => startResponse('no status', [])).toThrow();
      expect(() => startResponse('200 OK', [])).toThrow('Headers already set');
      startResponse('503 Later', [], new Error('why'));
      return [];
    });
    expect(handler.head[0]).toBe('Status: 503 Later');
  });

  test.each([[new Error('x')], [undefined], [null], [0], ['']])(
    'replaces the response with excInfo, which counts by being passed: %o',
    async (thrown) => {
      const { head, body, errors } = await serve(again(thrown));
      expect(head).toEqual(['Status: 500 Failed', 'X-Second: 1', 'Content-Length: 6']);
      expect([body, errors]).toEqual(['second', '']);
    },
  );

  test.each([[new Error('x')], [undefined], [null], ['text']])(
    'throws excInfo itself when the head has left, and the response is broken: %o',
    async (thrown) => {
      const bodies = [() => [bytes('b')], () => [], () => generate('b', 'c')];
      for (const body of [undefined, ...bodies]) {
        let caught: unknown = 'nothing';
        const handler = await serve(
          starting((write, startResponse) => {
            write('a');
            try {
              startResponse('500 Late', [], thrown);
            } catch (error) {
              caught = error;
              if (body === undefined) throw error;
            }
            return body!();
          }),
        );
        expect(caught).toBe(thrown);
        expect(handler.events).toEqual(['send head a', 'abandon']);
      }
    },
  );
});

const declare = (length: number): HeaderList => [['Content-Length', String(length)]];

describe('the length', () => {
  const HEAD = { REQUEST_METHOD: 'HEAD' };

  test.each<[string, ApplicationFunction, Record<string, string>, string | undefined, string]>([
    ['of one chunk', starting(() => [bytes('abc')]), {}, '3', 'abc'],
    ['of none', starting(() => []), {}, '0', ''],
    ['of several', starting(() => generate('a', 'b')), {}, undefined, 'ab'],
    ['of HEAD', starting(() => [bytes('abc')]), HEAD, '3', ''],
    ['of HEAD with none', starting(() => []), HEAD, undefined, ''],
    ['of HEAD with several', starting(() => generate('a', 'b')), HEAD, undefined, ''],
    ['of 304', starting(() => [bytes('abc')], '304 Not Modified'), {}, undefined, ''],
    ['of 304 as declared', starting(() => [], '304 Not Modified', declare(9)), {}, '9', ''],
    ['of 204', starting(() => [bytes('abc')], '204 No Content', declare(3)), {}, undefined, ''],
    ['as declared', starting(() => generate('a', 'b'), '200 OK', declare(2)), {}, '2', 'ab'],
    [
      'after write()',
      starting((write) => [bytes('b'), write('a')].slice(0, 1)),
      {},
      undefined,
      'ab',
    ],
  ])('%s', async (_, application, variables, length, body) => {
    const handler = await serve(application, variables);
    const header = handler.head.find((line) => line.startsWith('Content-Length: '));
    expect(header?.slice('Content-Length: '.length)).toBe(length);
    expect([handler.body, handler.errors]).toEqual([body, '']);
    expect(handler.events.at(-1)).toMatch(/^finish/);
  });

  test.each([
    ['in one chunk', (): unknown => [bytes('abcd')]],
    ['in several', () => generate('a', 'bc', 'd')],
    ['in several, later', () => generateLater('ab', 'cd')],
    ['by write()', (write: Write) => ['ab', 'c', 'd'].map(write).slice(3)],
  ])('is never passed: the excess %s is dropped, and said once', async (_, body) => {
    const handler = await serve(starting(body, '200 OK', declare(2)));
    expect(handler.body).toBe('ab');
    expect(handler.errors).toBe(
      'the application sent more than its Content-Length of 2 bytes; the excess was dropped\n',
    );
    expect(handler.events.at(-1)).toMatch(/^finish/);
  });

  test.each([
    ['in one chunk', (): unknown => [bytes('ab')]],
    ['in several', () => generate('a', 'b')],
    ['in several, later', () => generateLater('a', 'b')],
    ['in none', () => []],
  ])('is not reached %s: the response is broken, and the log says why', async (_, body) => {
    const handler = await serve(starting(body, '200 OK', declare(5)));
    expect(handler.events.at(-1)).toBe('abandon');
    expect(handler.errors).toMatch(/the body ended [35] bytes before its Content-Length/);
  });
});

test('what is unread of the request body is given up with the response', async () => {
  const handler = new MemoryHandler({ CONTENT_LENGTH: '5' });
  handler.input.push(bytes('abc'));
  let input!: Input;
  await handler.run((environ, startResponse) => {
    input = environ['wsgi.input'];
    startResponse('200 OK', []);
    return [bytes('a')];
  });
  expect([handler.input.buffered, handler.input.discarded]).toEqual([0, 3]);
  await expect(input.read()).rejects.toThrow('wsgi.input was read after the request');
});

describe('write()', () => {
  test('says by one promise that the client has to catch up, however often it is called', async () => {
    const handler = new MemoryHandler();
    const promises: unknown[] = [];
    await handler.run(
      starting(async (write) => {
        promises.push(write('a'));
        handler.isFull = true;
        promises.push(write('b'), write('c'));
        handler.release();
        await promises[1];
        promises.push(write('d'));
        handler.isFull = true;
        promises.push(write('e'));
        return [];
      }),
    );
    expect(promises[0]).toBeUndefined();
    expect(promises[1]).toBeInstanceOf(Promise);
    expect(promises[2]).toBe(promises[1]);
    expect(promises[3]).toBeUndefined();
    expect(promises[4]).toBeInstanceOf(Promise);
    expect(promises[4]).not.toBe(promises[1]);
    expect(handler.body).toBe('abcde');
    handler.release();
  });

  test('that nobody waits for loses and reorders nothing', async () => {
    const handler = new MemoryHandler();
    handler.isFull = true;
    await handler.run(starting((write) => ['a', 'b', 'c'].map(write).slice(3)));
    expect(handler.body).toBe('abc');
    handler.release();
  });

  test('is refused after the end and after an error, and for what is no bytes', async () => {
    let write!: Write;
    const ended = await serve(
      starting((given) => {
        write = given;
        expect(() => write(5 as unknown as string)).toThrow(ApplicationError);
        return [bytes('a')];
      }),
    );
    expect(() => write('late')).toThrow('write() was called after the response had ended');
    expect(ended.body).toBe('a');
    await serve(starting((given) => raise((write = given))));
    expect(() => write('late')).toThrow(ApplicationError);
  });
});

/** When somebody waits for the sink. */
function stopOf(handler: MemoryHandler): Promise<void> {
  return new Promise((resolve) => {
    handler.onPoint = (name) => {
      if (name === 'drained') resolve();
    };
  });
}

describe('a full sink is waited for before the next chunk is asked for', () => {
  test.each([
    ['a generator', false],
    ['an async generator', true],
  ])('of %s', async (_, isAsync) => {
    const handler = new MemoryHandler();
    let asked = 0;
    const iterator = {
      next: (): IteratorResult<Uint8Array> => ({ done: ++asked > 5, value: bytes('x') }),
    };
    const body = isAsync
      ? { [Symbol.asyncIterator]: () => ({ next: async () => iterator.next() }) }
      : { [Symbol.iterator]: () => iterator };
    handler.isFull = true;
    let stop = stopOf(handler);
    const end = handler.run(starting(() => body));
    for (let chunk = 1; chunk <= 5; chunk++) {
      await stop;
      expect([asked, handler.body.length]).toEqual([chunk, chunk]);
      stop = stopOf(handler);
      handler.release();
      handler.isFull = true;
    }
    await end;
    expect(handler.events.at(-1)).toBe('finish');
  });
});

describe('errors', () => {
  const error = new Error('secret');

  test.each<[string, ApplicationFunction]>([
    ['the application throws', () => raise(error)],
    ['it rejects', async () => raise(error)],
    ['it throws after startResponse', starting(() => raise(error), '200 OK', [['X-A', '1']])],
    ['its body cannot be had', starting(() => ({ [Symbol.iterator]: () => raise(error) }))],
    [
      'its first chunk',
      starting(() => ({ [Symbol.iterator]: () => ({ next: () => raise(error) }) })),
    ],
  ])('before the head: %s', async (_, application) => {
    const handler = await serve(application);
    expect(handler.head).toEqual([
      'Status: 500 Internal Server Error',
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${handler.body.length}`,
    ]);
    expect(handler.body).not.toContain('secret');
    expect(handler.errors).toMatch(/^Error: secret\n {4}at /);
    expect(handler.events).toHaveLength(1);
  });

  test.each<[string, () => unknown]>([
    [
      'a generator',
      function* () {
        yield bytes('a');
        raise(error);
      },
    ],
    [
      'an async generator',
      async function* () {
        yield bytes('a');
        raise(error);
      },
    ],
    ['a chunk that is no bytes', () => [bytes('a'), 5]],
  ])('after the head: %s', async (_, body) => {
    const handler = await serve(starting(body));
    expect(handler.events).toEqual(['send head a', 'abandon']);
    expect(handler.errors).not.toBe('');
  });

  test.each([undefined, null, 5, {}])('a body that is %o is one', async (body) => {
    const handler = await serve(starting(() => body));
    expect(handler.head[0]).toBe('Status: 500 Internal Server Error');
    expect(handler.errors).toContain('which is no body');
  });

  test('a request that is refused never reaches the application, nor wsgi.errors', async () => {
    const application = vi.fn<() => Body>();
    const variables = { CONTENT_LENGTH: 'many', REMOTE_ADDR: '192.0.2.1' };
    const handler = await serve(application, variables);
    expect(application).not.toHaveBeenCalled();
    expect([handler.head[0], handler.body]).toEqual(['Status: 400 Bad Request', 'Bad Request\n']);
    expect(handler.logged).toEqual(['postern: scgi: 192.0.2.1: 400: CONTENT_LENGTH "many"\n']);
    expect(handler.errors).toBe('');
  });

  test('an access log that fails is told of, and the body is closed all the same', async () => {
    const close = vi.fn<() => void>();
    const handler = new MemoryHandler({}, { accessLog: () => raise(error) });
    await handler.run(starting(() => Object.assign([bytes('a')], { close })));
    expect(handler.events).toEqual(['finish head a']);
    expect(handler.errors).toContain('secret');
    expect(close).toHaveBeenCalledOnce();
  });
});
