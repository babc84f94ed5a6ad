/** The client leaves, or a time limit passes, at every point of a request's life (SECURITY.md, row 24). */

import { Readable } from 'node:stream';

import { describe, expect, test } from 'vitest';

import { DisconnectError, LimitError } from '../../src/errors.ts';
import type { ApplicationFunction, Body, Environ } from '../../src/types.ts';
import { MemoryHandler } from './memory-handler.ts';

/** Where something may happen. */
type Point = (name: string) => void;

/** One request, and what became of its parts. */
class Life {
  readonly handler = new MemoryHandler();
  readonly points: string[] = [];
  environ: Environ | undefined;
  bodies = 0;
  closed = 0;
  /** What happens at the point of this number. */
  action: () => void = () => {};
  at = -1;

  constructor() {
    this.handler.onPoint = this.point;
  }

  readonly point: Point = (name) => {
    this.points.push(name);
    if (this.points.length - 1 === this.at) this.action();
  };

  /** A body that tells when it is closed. */
  body(body: object): Body {
    this.bodies++;
    const close = (): void => {
      this.point('close');
      this.closed++;
    };
    return Object.assign(body, { close }) as unknown as Body;
  }

  run(make: (life: Life) => ApplicationFunction): void | PromiseLike<void> {
    this.point('before');
    const application = make(this);
    return this.handler.run((environ, startResponse) => {
      this.environ = environ;
      this.point('application');
      return application(environ, (...args) => {
        this.point('startResponse');
        return startResponse(...args);
      });
    });
  }
}

const CHUNKS = ['one', 'two', 'three'].map((text) => Buffer.from(text));

function* generate(point: Point): Generator<Uint8Array> {
  for (const chunk of CHUNKS) {
    point('chunk');
    yield chunk;
  }
  point('end');
}
async function* generateLater(point: Point): AsyncGenerator<Uint8Array> {
  for (const chunk of generate(point)) {
    await new Promise(setImmediate);
    point('turn');
    yield chunk;
  }
}
function webStream(point: Point): ReadableStream {
  const chunks = generate(point);
  return new ReadableStream({
    async pull(controller) {
      await new Promise(setImmediate);
      const { done, value } = chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => point('cancel'),
  });
}

const applications: Record<string, (life: Life) => ApplicationFunction> = {
  'an array of one': returning((life) => life.body([CHUNKS[0]])),
  'an array of three': returning((life) => life.body([...CHUNKS])),
  nothing: returning((life) => life.body([])),
  'a generator': returning((life) => life.body(generate(life.point))),
  'an async generator': returning((life) => life.body(generateLater(life.point))),
  'a Node stream': returning((life) => life.body(Readable.from(generateLater(life.point)))),
  'a web stream': returning((life) => life.body(webStream(life.point))),
  'an asynchronous application': (life) => async (_environ, startResponse) => {
    await new Promise(setImmediate);
    life.point('turn');
    startResponse('200 OK', []);
    return life.body(generate(life.point));
  },
  'write()': (life) => async (_environ, startResponse) => {
    const write = startResponse('200 OK', []);
    for (const chunk of CHUNKS) {
      life.point('write');
      await write(chunk);
    }
    return life.body(generate(life.point));
  },
  'the length of more': (life) => (_environ, startResponse) => {
    startResponse('200 OK', [['Content-Length', '1000']]);
    return life.body(generate(life.point));
  },
  'an error': (life) => (_environ, startResponse) => {
    startResponse('200 OK', []);
    life.point('error');
    throw new Error('of the application');
  },
};

function returning(make: (life: Life) => Body): (life: Life) => ApplicationFunction {
  return (life) => (_environ, startResponse) => {
    startResponse('200 OK', []);
    return make(life);
  };
}

/** Runs a request to its end, with something that happens at one of its points. */
async function live(
  make: (life: Life) => ApplicationFunction,
  isFull: boolean,
  at = -1,
  action: (life: Life) => void = () => {},
): Promise<Life> {
  const life = new Life();
  life.at = at;
  life.action = () => action(life);
  life.handler.isFull = isFull;
  life.handler.onPoint = (name) => {
    life.point(name);
    // The client takes what it is sent, later.
    if (name === 'drained' && isFull) setImmediate(() => life.handler.release());
  };
  await life.run(make);
  expect(life.closed).toBe(life.bodies);
  const ends = life.handler.events.filter((event) => /^(?:finish|abandon)/.test(event));
  expect(ends.length).toBeLessThanOrEqual(1);
  return life;
}

/** The same at each point there is. */
async function liveAtEvery(
  make: (life: Life) => ApplicationFunction,
  action: (life: Life) => () => void,
): Promise<void> {
  for (const isFull of [false, true]) {
    const { points } = await live(make, isFull);
    expect(points.length).toBeGreaterThan(5);
    for (const [at, name] of points.entries()) {
      let check: (() => void) | undefined;
      await live(make, isFull, at, (life) => (check = action(life)));
      expect(check, `point ${at}, ${name}`).toBeDefined();
      check!();
    }
  }
}

describe.each(Object.entries(applications))('with %s', (_, make) => {
  test('a client that leaves is told of, sent nothing more, and is no error', async () => {
    await liveAtEvery(make, (life) => {
      const { handler } = life;
      const [wasOver, sent, errors] = [handler.isOver, handler.events.length, handler.errors];
      handler.disconnect();
      handler.disconnect();
      return () => {
        const signal = handler.signal;
        if (wasOver) return expect(signal.aborted).toBe(false);
        expect(handler.isOver).toBe(true);
        expect(handler.events.length).toBe(sent);
        expect([handler.errors, handler.logged]).toEqual([errors, []]);
        expect(signal.reason).toBeInstanceOf(DisconnectError);
        return expect(life.environ?.['postern.signal'] ?? signal).toBe(signal);
      };
    });
  });

  test('a limit that passes is answered if nothing was sent, else the response is broken', async () => {
    await liveAtEvery(make, (life) => {
      const { handler } = life;
      const error = new LimitError('responseTimeout', 'no response');
      const [wasOver, wasSent, errors] = [handler.isOver, handler.headersSent, handler.errors];
      const before = [...handler.events];
      handler.cancel(error);
      handler.cancel(error);
      return () => {
        if (wasOver) {
          expect(handler.signal.aborted).toBe(false);
          return expect([handler.logged, handler.errors]).toEqual([[], errors]);
        }
        const after = handler.events.slice(before.length);
        if (wasSent) expect(after).toEqual(['abandon']);
        else expect(after).toEqual(['finish head Service Unavailable\n']);
        expect(handler.logged).toEqual(['postern: scgi: 503: no response\n']);
        expect(handler.errors).toBe(errors);
        return expect(handler.signal.reason).toBe(error);
      };
    });
  });
});

describe('what waits for something that never comes is left', () => {
  const never = new Promise<never>(() => {});
  const stalled: Record<string, (life: Life) => object> = {
    'an async generator': async function* () {
      yield await never;
    },
    'an async iterator': () => ({ [Symbol.asyncIterator]: () => ({ next: () => never }) }),
    'a Node stream': () => new Readable({ read() {} }),
    'a web stream': () => new ReadableStream({}),
    'what cannot be left either': () => ({
      [Symbol.asyncIterator]: () => ({ next: () => never, return: () => never }),
    }),
  };

  test.each(Object.entries(stalled))('%s', async (_, make) => {
    for (const leave of ['disconnect', 'cancel'] as const) {
      const life = new Life();
      const end = life.run(returning(() => life.body(make(life))));
      await new Promise(setImmediate);
      expect(life.closed).toBe(0);
      if (leave === 'disconnect') life.handler.disconnect();
      else life.handler.cancel(new LimitError('sendTimeout', 'too slow'));
      // At once: what it waits for may keep it for ever.
      expect(life.closed).toBe(1);
      await end;
      expect(life.closed).toBe(1);
      expect(life.handler.errors).toBe('');
    }
  });

  test('a read of the request body', async () => {
    const life = new Life();
    const handler = new MemoryHandler({ CONTENT_LENGTH: '5' });
    const end = handler.run(async (environ) => {
      await environ['wsgi.input'].read();
      return life.body([]);
    });
    handler.disconnect();
    await end;
    expect([life.bodies, handler.errors, handler.events.length]).toEqual([0, '', 0]);
  });

  test.each(['disconnect', 'cancel'] as const)(
    'a read that begins when all is over already: %s',
    async (leave) => {
      const limit = new LimitError('requestTimeout', 'too slow');
      for (const at of ['before', 'addCgiVars', 'getStdin']) {
        const handler = new MemoryHandler({ CONTENT_LENGTH: '5' });
        handler.onPoint = (name) => {
          if (name === at) handler[leave](limit);
        };
        handler.onPoint('before');
        let error: unknown;
        await handler.run(async (environ) => {
          error = await environ['wsgi.input'].read().catch((reason: unknown) => reason);
          return [];
        });
        if (leave === 'cancel') expect(error).toBe(limit);
        else expect(error).toBeInstanceOf(DisconnectError);
      }
    },
  );
});
