import { PassThrough, Writable } from 'node:stream';

import { describe, expect, test, vi } from 'vitest';

import { fromFetch } from '../../src/apps/fetch/fetch.ts';
import { fromNode } from '../../src/apps/node/node.ts';
import { UsageError } from '../../src/errors.ts';
import { StreamHandler } from '../../src/handler/stream-handler.ts';
import type { HandlerStreams } from '../../src/handler/stream-handler.ts';
import type { Application, ApplicationFunction, Environ, StartResponse } from '../../src/types.ts';
import { validator } from '../../src/validate/validator.ts';

test('a sink that breaks while it is written to ends a body without end', async () => {
  const ended = vi.fn<() => void>();
  function* endless(): Generator<Buffer> {
    try {
      // The bound is for the test: without one, nothing else in this process would get its turn again.
      for (let i = 0; i < 10_000; i++) yield Buffer.alloc(1000);
      throw new Error('it was asked for more all the same');
    } finally {
      ended();
    }
  }
  let writes = 0;
  const stdout = new Writable({
    highWaterMark: 1,
    write(_chunk, _encoding, callback) {
      if (++writes === 3) this.destroy(new Error('EPIPE'));
      else callback();
    },
  });
  const stderr = new PassThrough();
  const handler = new StreamHandler({ stdin: new PassThrough(), stdout, stderr, environ: {} });
  await handler.run((_environ, startResponse) => {
    startResponse('200 OK', []);
    return endless();
  });
  expect(ended).toHaveBeenCalledTimes(1);
  expect(writes).toBe(3);
  expect(stderr.read()).toBe(null);
});

class Greeting {
  constructor(_environ: Environ, startResponse: StartResponse) {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
  }
  *[Symbol.iterator](): Iterator<Uint8Array> {
    yield Buffer.from('hello');
  }
}
const greet: ApplicationFunction = (_environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from('hello')];
};

describe('run() takes an application of any shape', () => {
  test.each<[kind: string, Application]>([
    ['a function', greet],
    ['a class', Greeting],
    ['an object', { call: greet }],
    ['a Node listener', fromNode((_req, res) => void res.end('hello'))],
    ['a fetch handler', fromFetch(() => new Response('hello'))],
  ])('%s', async (_kind, application) => {
    const stdout = new PassThrough();
    await handlerOn(stdout).run(application);
    expect(String(stdout.read())).toMatch(/^Status: 200 OK\r\n[^]*\r\n\r\n(?:[^]*\r\n)?hello/);
  });

  test('and refuses what is none', () => {
    const handler = handlerOn(new PassThrough());
    expect(() => handler.run({ fetch() {} } as never)).toThrow(UsageError);
  });
});

test('a gateway may have a name of its own', async () => {
  class AjpHandler extends StreamHandler {
    override readonly gateway = 'ajp';
  }
  const stdout = new PassThrough();
  const streams = streamsOn(stdout);
  await new AjpHandler(streams).run(
    validator((environ, startResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return [Buffer.from(environ['postern.gateway'])];
    }),
  );
  expect(String(stdout.read())).toMatch(/\r\n\r\najp$/);
  expect(String(streams.stderr.read() ?? '')).toBe('');
});

function streamsOn(stdout: Writable): HandlerStreams & { stderr: PassThrough } {
  const environ = { REQUEST_METHOD: 'GET', SERVER_PROTOCOL: 'HTTP/1.1' };
  return { stdin: new PassThrough(), stdout, stderr: new PassThrough(), environ };
}

function handlerOn(stdout: Writable): StreamHandler {
  return new StreamHandler(streamsOn(stdout));
}
