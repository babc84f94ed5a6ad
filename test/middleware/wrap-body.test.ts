/** wrapBody: every kind of body goes through it unharmed, and is ended once, whatever happens. */

import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { UsageError } from '../../src/errors.ts';
import { wrapBody } from '../../src/middleware/wrap-body.ts';
import type { BodyHooks } from '../../src/middleware/wrap-body.ts';
import { FileWrapper } from '../../src/response/file-wrapper.ts';
import type { Application, Awaitable, Body, FileLike } from '../../src/types.ts';
import { validator } from '../../src/validate/validator.ts';
import { MemoryHandler } from '../handler/memory-handler.ts';

const GET = { REQUEST_METHOD: 'GET' };
const HEAD = { REQUEST_METHOD: 'HEAD' };
const TEXT = [['Content-Type', 'text/plain']] as const;
const WORDS = ['one ', 'two'].map((word) => Buffer.from(word));

/** Bodies of the two words, or of one. They write down how they end. */
const KINDS: Record<string, (ends: string[]) => Awaitable<Body>> = {
  'an array of one chunk': (ends) => closing(ends, [Buffer.from('one two')]),
  'an array': (ends) => closing(ends, [...WORDS]),
  'a generator': (ends) => closing(ends, generate(ends)),
  'an async generator': (ends) => closing(ends, generateLater(ends)),
  'a Node stream': (ends) => closing(ends, nodeStream(ends)),
  'a web stream': (ends) => closing(ends, webStream(ends)),
  'a promise of an array': async (ends) => closing(ends, [...WORDS]),
  'a file': (ends) => new FileWrapper(file(ends)),
};
/** Those that are answered without a promise. */
const SYNC = ['an array of one chunk', 'an array', 'a generator'];

function closing<T extends object>(ends: string[], body: T): T {
  const close = (body as { close?(): unknown }).close?.bind(body);
  return Object.assign(body, {
    close() {
      ends.push('close');
      return close?.();
    },
  });
}
function* generate(ends: string[]): Generator<Uint8Array> {
  try {
    yield* WORDS;
  } finally {
    ends.push('over');
  }
}
async function* generateLater(ends: string[]): AsyncGenerator<Uint8Array> {
  try {
    yield* WORDS;
  } finally {
    ends.push('over');
  }
}
function nodeStream(ends: string[]): Readable {
  return Readable.from(WORDS).on('close', () => void ends.push('over'));
}
function file(ends: string[]): FileLike {
  const words = WORDS.values();
  return {
    read: () => words.next().value ?? null,
    close: () => void ends.push('over', 'close'),
  };
}
function webStream(ends: string[]): Body {
  const words = WORDS.values();
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const { done, value } = words.next();
      if (done !== true) controller.enqueue(value);
      else {
        ends.push('over');
        controller.close();
      }
    },
    cancel: () => void ends.push('over'),
  });
}

function upper(chunk: Uint8Array): Uint8Array {
  return Buffer.from(Buffer.from(chunk).toString().toUpperCase());
}

function chunks(body: Body): string[] {
  return [...(body as Iterable<Uint8Array>)].map(String);
}
function failing(): never {
  throw new Error('no');
}
async function* stuck(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('x');
  await new Promise(() => {});
}
function emptyFile(): FileWrapper {
  return new FileWrapper({ read: () => null });
}

/** Middleware with these hooks around an application that returns a body; the validator on both sides. */
function around(
  make: () => unknown,
  hooks: BodyHooks,
  ...headers: [string, string][]
): Application {
  const inner = validator((_environ, startResponse) => {
    startResponse('200 OK', [...TEXT, ...headers]);
    return make() as Body;
  });
  return validator((environ, startResponse) => wrapBody(inner(environ, startResponse), hooks));
}

describe.each(Object.entries(KINDS))('%s', (kind, make) => {
  /** The end of the body itself, then the hook's: each once. */
  function expectEnds(ends: readonly string[]): void {
    expect(ends.filter((end) => end === 'close')).toHaveLength(1);
    expect(ends.filter((end) => end === 'hook')).toHaveLength(1);
    expect(ends.filter((end) => end === 'over').length).toBeLessThanOrEqual(1);
    expect(ends.indexOf('close')).toBeLessThan(ends.indexOf('hook'));
    const isEnded = !kind.includes('array');
    expect(ends.includes('over')).toBe(isEnded);
  }

  test('is changed chunk by chunk, and ended once', async () => {
    const ends: string[] = [];
    const handler = new MemoryHandler(GET);
    const hooks = {
      transform: upper,
      flush: () => Buffer.from('!'),
      close: () => ends.push('hook'),
    };
    await handler.run(around(() => make(ends), hooks));
    expect(handler.errors).toBe('');
    expect(handler.body).toBe('ONE TWO!');
    await setImmediate();
    expectEnds(ends);
  });

  test('without a transform it is sent as it is', async () => {
    const ends: string[] = [];
    const handler = new MemoryHandler(GET);
    await handler.run(around(() => make(ends), { close: () => ends.push('hook') }));
    expect(handler.errors).toBe('');
    expect(handler.body).toBe('one two');
    await setImmediate();
    expectEnds(ends);
  });

  test('is ended once for HEAD', async () => {
    const ends: string[] = [];
    const handler = new MemoryHandler(HEAD);
    await handler.run(around(() => make(ends), { close: () => ends.push('hook') }));
    expect(handler.errors).toBe('');
    expect(handler.body).toBe('');
    await setImmediate();
    expect(ends.filter((end) => end === 'close')).toHaveLength(1);
    expect(ends.filter((end) => end === 'hook')).toHaveLength(1);
  });

  test('is ended once when the transform throws', async () => {
    const ends: string[] = [];
    const handler = new MemoryHandler(GET);
    await handler.run(
      around(() => make(ends), { transform: failing, close: () => ends.push('hook') }),
    );
    expect(handler.head[0]).toBe('Status: 500 Internal Server Error');
    expect(handler.errors).toMatch(/^Error: no\n/);
    expect(handler.errors.match(/Error: /g)).toHaveLength(1);
    await setImmediate();
    expect(ends.filter((end) => end === 'close')).toHaveLength(1);
    expect(ends.filter((end) => end === 'hook')).toHaveLength(1);
  });

  test('is ended once when its own close() throws', async () => {
    const ends: string[] = [];
    const handler = new MemoryHandler(GET);
    const unclosable = async (): Promise<Body> => {
      const body = await make(ends);
      const close = body.close!.bind(body);
      body.close = () => {
        void close();
        throw new Error('no end');
      };
      return body;
    };
    await handler.run(around(unclosable, { close: () => ends.push('hook') }));
    expect(handler.body).toBe('one two');
    expect(handler.errors).toMatch(/^Error: no end\n/);
    await setImmediate();
    expect(ends.filter((end) => end === 'hook')).toHaveLength(1);
  });

  test('is ended once when the client leaves', async () => {
    const ends: string[] = [];
    const handler = new MemoryHandler(GET);
    const hooks = {
      transform: (chunk: Uint8Array) => {
        handler.disconnect();
        return chunk;
      },
      close: () => ends.push('hook'),
    };
    await handler.run(around(() => make(ends), hooks));
    expect(handler.errors).toBe('');
    await setImmediate();
    expect(ends.filter((end) => end === 'close')).toHaveLength(1);
    expect(ends.filter((end) => end === 'hook')).toHaveLength(1);
  });

  test('is ended once when it was never asked for', async () => {
    const ends: string[] = [];
    const body = await wrapBody(make(ends), { close: () => ends.push('hook') });
    await body.close();
    await body.close();
    await setImmediate();
    expect(ends.filter((end) => end === 'close')).toHaveLength(1);
    expect(ends.filter((end) => end === 'hook')).toHaveLength(1);
  });

  test('is ended once by a loop that leaves it, and goes on no more', async () => {
    const ends: string[] = [];
    const body = await wrapBody(make(ends), { transform: upper, close: () => ends.push('hook') });
    for await (const _ of body) break;
    expect(ends).toContain('hook');
    await body.close();
    await setImmediate();
    expect(ends.filter((end) => end === 'hook')).toHaveLength(1);
    for await (const _ of body) expect.unreachable();
  });

  test('may be wrapped twice', async () => {
    const ends: string[] = [];
    const handler = new MemoryHandler(GET);
    const once = around(() => make(ends), { transform: upper, close: () => ends.push('hook') });
    await handler.run((environ, startResponse) => {
      const call = once as (...args: unknown[]) => Awaitable<Body>;
      return wrapBody(call(environ, startResponse), {
        flush: () => Buffer.from('?'),
        close: () => ends.push('outer'),
      });
    });
    expect(handler.errors).toBe('');
    expect(handler.body).toBe('ONE TWO?');
    await setImmediate();
    expectEnds(ends);
    expect(ends.filter((end) => end === 'outer')).toHaveLength(1);
  });
});

test.each(SYNC)('%s is answered without a promise', (kind) => {
  const handler = new MemoryHandler(GET);
  const hooks = { transform: upper, flush: () => Buffer.from('!'), close() {} };
  expect(handler.run(around(() => KINDS[kind]!([]), hooks))).toBe(undefined);
  expect(handler.body).toBe('ONE TWO!');
});

test('of one chunk the length is known', () => {
  const handler = new MemoryHandler(GET);
  void handler.run(around(() => [Buffer.from('five!')], { flush: () => Buffer.from('six!!!') }));
  expect(handler.head).toContain('Content-Length: 11');
  const head = new MemoryHandler(HEAD);
  void head.run(around(() => [Buffer.from('five!')], { flush: () => Buffer.from('six!!!') }));
  expect(head.head).toContain('Content-Length: 11');
});

test('what flush() gives may be the whole body', () => {
  const handler = new MemoryHandler(GET);
  void handler.run(around(() => [], { flush: () => Buffer.from('five!') }));
  expect(handler.head).toContain('Content-Length: 5');
  expect(handler.body).toBe('five!');
});

test('a shared array is not changed', () => {
  const shared = Object.freeze([Buffer.from('always the same')]);
  for (let i = 0; i < 2; i++) {
    const handler = new MemoryHandler(GET);
    void handler.run(around(() => shared, { transform: upper, close() {} }));
    expect(handler.body).toBe('ALWAYS THE SAME');
  }
});

test('a loop gets the chunks, and what flush() gives', () => {
  const hooks = { transform: upper, flush: () => Buffer.from('!') };
  expect(chunks(wrapBody([Buffer.from('x')], hooks))).toEqual(['X!']);
  expect(chunks(wrapBody(WORDS, hooks))).toEqual(['ONE ', 'TWO', '!']);
  expect(chunks(wrapBody([], hooks))).toEqual(['!']);
});

test.each(['text', Buffer.from('text')])('%o is one chunk', (body) => {
  const handler = new MemoryHandler(GET);
  void handler.run((_environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return wrapBody(body as never as Body, { transform: upper });
  });
  expect(handler.body).toBe('TEXT');
});

test.each([undefined, null, 42, {}])('%o fails as a body, and the hook is called', async (body) => {
  const handler = new MemoryHandler(GET);
  let closed = 0;
  await handler.run((_environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return wrapBody(body as never as Body, { close: () => closed++ });
  });
  expect(handler.head[0]).toBe('Status: 500 Internal Server Error');
  expect(handler.errors.match(/which is no body/g)).toHaveLength(1);
  expect(closed).toBe(1);
});

test('a chunk that is no bytes fails as without middleware', async () => {
  const handler = new MemoryHandler(GET);
  await handler.run((_environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return wrapBody([1, 2] as never as Body, { transform: (chunk) => chunk });
  });
  expect(handler.errors).toContain('a chunk of the body is a number, not bytes');
});

test('a body that never answers is ended when the client leaves', async () => {
  const ends: string[] = [];
  const handler = new MemoryHandler(GET);
  const running = handler.run(
    around(() => closing(ends, stuck()), { close: () => ends.push('hook') }),
  );
  await setImmediate();
  handler.disconnect();
  await running;
  expect(ends).toEqual(['close', 'hook']);
  expect(handler.errors).toBe('');
});

test('a stream that is not sent is destroyed, a generator that has begun is ended', async () => {
  const ends: string[] = [];
  const stream = nodeStream(ends);
  await wrapBody(stream).close();
  expect(stream.destroyed).toBe(true);
  const body = wrapBody(generate(ends));
  for await (const _ of body) break;
  await body.close();
  await setImmediate(); // the stream tells of it then
  expect(ends).toEqual(['over', 'over']);
});

test('a hook that takes its time is waited for', async () => {
  const handler = new MemoryHandler(GET);
  let isClosed = false;
  await handler.run(
    around(() => [Buffer.from('x')], {
      async close() {
        await setImmediate();
        isClosed = true;
      },
    }),
  );
  expect(isClosed).toBe(true);
});

test('a file stays one, unless its bytes are changed', () => {
  expect(wrapBody(emptyFile(), { close() {} })).toBeInstanceOf(FileWrapper);
  expect(wrapBody(emptyFile(), { transform: upper })).not.toBeInstanceOf(FileWrapper);
  expect(wrapBody(emptyFile(), { flush() {} })).not.toBeInstanceOf(FileWrapper);
});

test('an application that rejects has no body', async () => {
  const rejected = wrapBody(Promise.reject<Body>(new Error('no')), {
    close: () => expect.unreachable(),
  });
  await expect(rejected).rejects.toThrow('no');
});

test.each([
  [{ tranform: upper }, 'wrapBody has no option "tranform": did you mean transform?'],
  [{ flush: Buffer.from('!') }, 'flush is an object, not a function'],
])('%o is refused', (hooks, message) => {
  expect(() => wrapBody([], hooks as BodyHooks)).toThrow(new UsageError(message));
});
