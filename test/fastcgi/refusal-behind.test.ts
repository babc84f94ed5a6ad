/** Requests that are not taken, as visitors of real web servers see them. */

import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, expect, test } from 'vitest';

import type { Environ, StartResponse } from '../../src/types.ts';
import { describeWithServer } from '../servers/availability.ts';
import type { RunningServer } from '../servers/launch.ts';
import { FRONT_ENDS, serveBehind, visit } from './front-ends.ts';
import { hello } from './kit.ts';

let running: RunningServer | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

/** Answers after a while, so that others come meanwhile. */
async function slowly(_environ: Environ, startResponse: StartResponse): Promise<Buffer[]> {
  await sleep(20);
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from('slowly')];
}

/** Memory for one request. Unlike a number of requests it is not announced: HAProxy sends more on the connection. */
const LITTLE = { maxBufferedSize: 1 };

/** When a stream has begun, and what ends it. */
interface Stream {
  promise: Promise<void>;
  begin: () => void;
  finish: () => void;
}

let begun: Stream;
beforeEach(() => {
  let begin!: () => void;
  const promise = new Promise<void>((resolve) => (begin = resolve));
  begun = { promise, begin, finish() {} };
});

async function streaming(
  _environ: Environ,
  startResponse: StartResponse,
): Promise<AsyncIterable<Buffer>> {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return (async function* () {
    yield Buffer.from('begun, ');
    const ended = new Promise<void>((resolve) => (begun.finish = resolve));
    begun.begin();
    await ended;
    yield Buffer.from('ended');
  })();
}

for (const frontEnd of FRONT_ENDS) {
  describeWithServer(frontEnd.server, frontEnd.title ?? frontEnd.conf, () => {
    test('with multiplexing off, 20 visitors at once are answered', async () => {
      const { server } = await serveBehind(frontEnd, slowly, 'TCP', { multiplex: false });
      running = server;
      const visits = await Promise.all(Array.from({ length: 20 }, () => visit(server.url, '/')));
      for (const answer of visits) {
        expect(answer).toMatchObject({ status: 200, body: 'slowly', complete: true });
      }
    });

    test('a refused request takes no other one of its connection along', async () => {
      const { server } = await serveBehind(frontEnd, streaming, 'TCP', LITTLE);
      running = server;
      let stream: ReturnType<typeof visit>;
      let isBegun = false;
      // With so little memory a request that comes in two pieces is refused as well, because of its first one.
      do {
        stream = visit(server.url, '/stream');
        isBegun = await Promise.race([begun.promise.then(() => true), stream.then(() => false)]);
      } while (!isBegun);
      for (let i = 0; i < 3; i++) {
        expect(await visit(server.url, '/other')).toMatchObject({ status: 503, complete: true });
      }
      begun.finish();
      expect(await stream).toMatchObject({ status: 200, body: 'begun, ended', complete: true });
    });

    test.each([
      ['503 Service Unavailable', { maxConcurrentRequests: 0 }],
      ['503 Service Unavailable', { maxConcurrentRequestsPerConnection: 0 }],
      ['431 Request Header Fields Too Large', { maxParamsSize: 100 }],
      ['431 Request Header Fields Too Large', { maxParams: 3 }],
    ])('%s, a page like any other: %j', async (status, limits) => {
      const { server } = await serveBehind(frontEnd, hello, 'TCP', limits);
      running = server;
      for (let i = 0; i < 3; i++) {
        const answer = await visit(server.url, '/');
        expect(answer).toMatchObject({
          status: Number(status.slice(0, 3)),
          body: `${status}\n`,
          complete: true,
        });
      }
    });
  });
}
