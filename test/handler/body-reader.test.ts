/** The shapes of a body: each gives its chunks, and is ended once in the way it knows. */

import { Readable } from 'node:stream';

import { describe, expect, test } from 'vitest';

import { BodyReader, PULL } from '../../src/handler/body-reader.ts';
import { describe as describeValue, isPromise, toBytes } from '../../src/response/chunk.ts';
import type { PullCallbacks } from '../../src/handler/body-reader.ts';
import { EMPTY } from '../../src/bytes.ts';
import { ApplicationError } from '../../src/errors.ts';

const CHUNKS = ['one', 'two', 'three'].map((text) => Buffer.from(text));

/** Bodies of the three chunks, which write down how they are ended. */
const kinds: Record<string, { make(ends: string[]): object; isAsync: boolean; left: string[] }> = {
  'an array': { make: () => [...CHUNKS], isAsync: false, left: [] },
  'a generator': { make: generate, isAsync: false, left: ['finally'] },
  'an iterator without return()': {
    make: () => ({ [Symbol.iterator]: () => iteratorOf(CHUNKS) }),
    isAsync: false,
    left: [],
  },
  'an async generator': { make: generateLater, isAsync: true, left: ['finally'] },
  'a Node stream': { make: nodeStream, isAsync: true, left: ['destroyed'] },
  'a web stream': { make: webStream, isAsync: true, left: ['cancelled'] },
};

function* generate(ends: string[]): Generator<Uint8Array> {
  try {
    yield* CHUNKS;
  } catch {
    ends.push('thrown into');
  } finally {
    ends.push('finally');
  }
}
async function* generateLater(ends: string[]): AsyncGenerator<Uint8Array> {
  yield* generate(ends);
}
function iteratorOf(chunks: readonly Buffer[]): { next(): IteratorResult<Buffer> } {
  const values = chunks.values();
  return { next: () => values.next() };
}
function nodeStream(ends: string[]): Readable {
  const stream = Readable.from(CHUNKS);
  const destroy = stream.destroy.bind(stream);
  stream.destroy = (error?: Error) => {
    // The stream destroys itself at its end.
    if (!stream.readableEnded && !stream.destroyed) ends.push('destroyed');
    return destroy(error);
  };
  return stream;
}
function webStream(ends: string[]): ReadableStream {
  const chunks = CHUNKS.values();
  return new ReadableStream({
    pull(controller) {
      const { done, value } = chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => void ends.push('cancelled'),
  });
}

async function readAll(reader: BodyReader): Promise<string[]> {
  const texts: string[] = [];
  for (;;) {
    const { done, value } = (await reader.next())!;
    if (done === true) return texts;
    texts.push(String(value));
  }
}

describe.each(Object.entries(kinds))('%s', (_, { make, isAsync, left }) => {
  test('gives its chunks in order, and without a promise if it can', async () => {
    const reader = new BodyReader(make([]));
    expect(reader.isAsync).toBe(isAsync);
    const first = reader.next();
    expect(isPromise(first)).toBe(isAsync);
    expect(String((await first)?.value)).toBe('one');
    expect(await readAll(reader)).toEqual(['two', 'three']);
    await reader.close();
  });

  test('that was read to its end is not ended again', async () => {
    const ends: string[] = [];
    const reader = new BodyReader(make(ends));
    await readAll(reader);
    const before = [...ends];
    await reader.close();
    await reader.close();
    expect(ends).toEqual(before);
  });

  test('that is left in the middle is ended, once', async () => {
    const ends: string[] = [];
    const reader = new BodyReader(make(ends));
    await reader.next();
    await Promise.all([reader.close(), reader.close()]);
    await reader.close();
    expect(ends).toEqual(left);
  });

  test('has its own close() called, once, however far it was read', async () => {
    for (const steps of [0, 1, 4]) {
      let closed = 0;
      const body = Object.assign(make([]), { close: () => void closed++ });
      const reader = new BodyReader(body);
      for (let i = 0; i < steps; i++) await reader.next();
      await reader.close();
      await reader.close();
      expect(closed).toBe(1);
    }
  });
});

/** A body whose iterator has this `next`, and writes down what else it is asked for. */
function failing(next: () => unknown, calls: string[], isAsync = false): object {
  const iterator = { next, return: () => void calls.push('return') };
  return {
    [isAsync ? Symbol.asyncIterator : Symbol.iterator]: () => iterator,
    close: () => void calls.push('close'),
  };
}
const error = new Error('of the body');
const raise = (): never => {
  throw error;
};
const reject = async (): Promise<never> => raise();
const unreadable = (): object => Object.defineProperty({}, 'done', { get: raise });

describe('a body that fails', () => {
  test.each([
    ['throws', failing.bind(null, raise), false],
    ['rejects', failing.bind(null, reject), true],
    ['throws where it should reject', failing.bind(null, raise), true],
    ['gives a step that throws', failing.bind(null, unreadable), false],
    ['promises a step that throws', failing.bind(null, async () => unreadable()), true],
  ])('when it %s is not told to return, but closed', async (_, make, isAsync) => {
    const calls: string[] = [];
    const reader = new BodyReader(make(calls, isAsync));
    await expect((async () => reader.next())()).rejects.toBe(error);
    await reader.close();
    expect(calls).toEqual(['close']);
  });

  test.each([Symbol.iterator, Symbol.asyncIterator, 'getReader'])(
    'before its first chunk, in %s, fails there, and is closed',
    async (name) => {
      const calls: string[] = [];
      const reader = new BodyReader({ [name]: raise, close: () => void calls.push('close') });
      await expect((async () => reader.next())()).rejects.toBe(error);
      await reader.close();
      expect(calls).toEqual(['close']);
    },
  );

  test.each([
    ['throws', raise],
    ['rejects', reject],
  ])('when it is left, and %s, is closed all the same', async (_, leave) => {
    const calls: string[] = [];
    const iterator = { next: () => ({ done: false, value: CHUNKS[0] }), return: leave };
    const reader = new BodyReader({
      [Symbol.iterator]: () => iterator,
      close: () => void calls.push('close'),
    });
    await reader.next();
    await expect((async () => reader.close())()).rejects.toBe(error);
    expect(calls).toEqual(['close']);
  });

  test.each([
    ['throws', raise],
    ['rejects', reject],
  ])('when its close() %s tells of it once', async (_, close) => {
    const reader = new BodyReader(Object.assign([], { close }));
    await expect((async () => reader.close())()).rejects.toBe(error);
    expect(await reader.close()).toBeUndefined();
  });

  test('both when it is left and when it is closed tells of one', async () => {
    const iterator = { next: () => ({ done: false, value: CHUNKS[0] }), return: reject };
    for (const close of [raise, reject]) {
      const reader = new BodyReader({ [Symbol.asyncIterator]: () => iterator, close });
      // That the other rejection is handled, the runner would tell.
      await expect((async () => reader.close())()).rejects.toBe(error);
    }
  });
});

test('a Node stream of which a chunk is pending is left at once', async () => {
  const stream = new Readable({ read() {} });
  const reader = new BodyReader(stream);
  const pending = reader.next();
  const [step] = await Promise.allSettled([pending, reader.close()]);
  expect(step.status).toBe('rejected');
  expect(stream.destroyed).toBe(true);
});

test('a web stream of which a chunk is pending is left at once', async () => {
  const ends: string[] = [];
  const body = new ReadableStream({ cancel: () => void ends.push('cancelled') });
  const reader = new BodyReader(body);
  const pending = reader.next();
  await reader.close();
  expect(await pending).toMatchObject({ done: true });
  expect(ends).toEqual(['cancelled']);
});

test('whoever waits for a chunk can be interrupted; what the chunk becomes then is nobody\u2019s', async () => {
  for (const end of ['resolve', 'reject'] as const) {
    let settle!: () => void;
    const chunk = new Promise<IteratorResult<Buffer>>((resolve, reject) => {
      settle = () => (end === 'resolve' ? resolve({ value: EMPTY }) : reject(new Error('late')));
    });
    const reader = new BodyReader({ [Symbol.asyncIterator]: () => ({ next: () => chunk }) });
    reader.interrupt();
    const pending = reader.next();
    reader.interrupt();
    expect(await pending).toBeUndefined();
    settle();
    await new Promise(setImmediate);
  }
});

test.each([undefined, null, 5])(
  'an iterator that gives %s instead of a step fails',
  async (step) => {
    const message = `the iterator of the body gave ${describeValue(step)}, not { done, value }`;
    const iterators = { [Symbol.iterator]: () => step, [Symbol.asyncIterator]: async () => step };
    for (const name of [Symbol.iterator, Symbol.asyncIterator] as const) {
      const reader = new BodyReader({ [name]: () => ({ next: iterators[name] }) });
      await expect((async () => reader.next())()).rejects.toThrow(new ApplicationError(message));
    }
  },
);

/** The reader of a body with {@link PULL}, what has come of its steps, and who takes them. */
function openOwn() {
  const seen: unknown[] = [];
  const pulls: PullCallbacks[] = [];
  const iterator = {
    [Symbol.asyncIterator]: () => iterator,
    [PULL]: (callbacks: PullCallbacks) => void pulls.push(callbacks),
    next: () => expect.unreachable(),
    return: () => void seen.push('left'),
  };
  const reader = new BodyReader(iterator);
  const take = (): void => {
    reader.pull(
      (step) => seen.push(step),
      (error) => seen.push(error),
    );
  };
  return { reader, seen, pulls, take };
}

describe('a body of our own, whose steps come without promises,', () => {
  test('gives them at once, and is left in the middle', () => {
    const { reader, seen, pulls, take } = openOwn();
    for (const value of CHUNKS) {
      take();
      pulls.pop()!.onStep({ value, done: false });
      expect(seen.pop()).toEqual({ value, done: false });
    }
    void reader.close();
    expect(seen).toEqual(['left']);
  });

  test('gives them as promises, too', async () => {
    const { reader, pulls } = openOwn();
    const next = reader.next();
    pulls.pop()!.onStep({ value: CHUNKS[0], done: false });
    expect(await next).toEqual({ value: CHUNKS[0], done: false });
    const failed = Promise.resolve(reader.next());
    pulls.pop()!.onError(new Error('no more'));
    await expect(failed).rejects.toThrow('no more');
  });

  test.each([
    [
      'the last step',
      (callbacks: PullCallbacks) =>
        callbacks.onStep({ value: CHUNKS[0], done: false, isLast: true }),
    ],
    ['the end', (callbacks: PullCallbacks) => callbacks.onStep({ value: undefined, done: true })],
    ['an error', (callbacks: PullCallbacks) => callbacks.onError(new Error('no more'))],
    ['no step', (callbacks: PullCallbacks) => callbacks.onStep(undefined as never)],
  ])('is not left after %s, of which is told once', (_name, tell) => {
    const { reader, seen, pulls, take } = openOwn();
    take();
    tell(pulls[0]!);
    tell(pulls[0]!);
    void reader.close();
    expect(seen).toHaveLength(1);
  });

  test('answers whoever is interrupted, and nobody with what comes then', () => {
    const { reader, seen, pulls, take } = openOwn();
    reader.interrupt();
    take();
    reader.interrupt();
    reader.interrupt();
    pulls[0]!.onStep({ value: CHUNKS[0], done: false });
    expect(seen).toEqual([undefined]);
  });
});

test('closing waits for what close() and the iterator return', async () => {
  const done: string[] = [];
  const later = (name: string) => async (): Promise<void> => {
    await new Promise(setImmediate);
    done.push(name);
  };
  const iterator = { next: () => new Promise(() => {}), return: later('return') };
  const reader = new BodyReader({
    [Symbol.asyncIterator]: () => iterator,
    close: later('close'),
  });
  await reader.close();
  expect(done).toEqual(['return', 'close']);
});

test.each([
  [undefined, 'undefined', '; fromNode() makes an application of a Node listener'],
  [null, 'null', ''],
  [5, 'a number', ''],
  [() => [], 'a function', ''],
  [{}, 'an object of class Object', ''],
  [Object.create(null), 'an object of class (none)', ''],
  [
    new Response(),
    'an object of class Response',
    '; fromFetch() makes an application of a fetch handler',
  ],
])('%o is no body, and is named by its kind', (value: unknown, name, remedy) => {
  expect(() => new BodyReader(value)).toThrow(
    new ApplicationError(`the application returned ${name}, which is no body${remedy}`),
  );
  expect(describeValue(value)).toBe(name);
});

describe('a chunk', () => {
  test('of bytes is taken as it is, text as UTF-8', () => {
    const bytes = new Uint8Array([1, 2]);
    expect(toBytes(bytes)).toBe(bytes);
    expect(toBytes('é')).toEqual(Buffer.from([0xc3, 0xa9]));
  });

  test.each([[1], [null], [[1]], [new ArrayBuffer(1)], [new DataView(new ArrayBuffer(1))]])(
    'is not %o, of which no content is told',
    (value) => {
      expect(() => toBytes(value)).toThrow(ApplicationError);
      expect(() => toBytes(value)).toThrow(
        `a chunk of the body is ${describeValue(value)}, not bytes`,
      );
    },
  );
});

test('what is to be awaited is a promise, or an object with then()', () => {
  // oxlint-disable-next-line unicorn/no-thenable
  expect([Promise.resolve(), { then() {} }].map(isPromise)).toEqual([true, true]);
  // oxlint-disable-next-line unicorn/no-thenable
  expect([undefined, null, {}, { then: 1 }, 'then', () => {}].map(isPromise)).not.toContain(true);
});
