/** Front ends that leave, at every point of a request's life (row 24). */

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import type { Environ, StartResponse } from '../../src/types.ts';
import { serve, until } from './kit.ts';
import { TYPE, encodeAbort, encodeBegin, encodeRecord, encodeRequest } from './peer.ts';
import type { Peer } from './peer.ts';
import { Service } from './service.ts';

/** Ways to leave. */
const LEAVING: Readonly<Record<string, (peer: Peer) => void>> = {
  closes: (peer) => void peer.frontEnd.socket.end(),
  'is gone': (peer) => peer.leave(),
  resets: (peer) => void peer.frontEnd.socket.resetAndDestroy(),
};

const PATHS = ['/hello', '/echo', '/never', '/stream', '/write', '/error'];

describe('row 24: nothing is left of a front end that', () => {
  let service: Service;
  beforeAll(async () => {
    service = await Service.start();
    const peer = await service.connect();
    for (let i = 0; i < 10; i++) await peer.request({ params: { PATH_INFO: '/hello' } });
    peer.leave();
  });
  afterAll(async () => {
    expect(await service.stop()).toBe(0);
  });

  async function expectNothingLeft(run: () => Promise<void>): Promise<void> {
    const { descriptors, resources } = await service.holdings();
    await run();
    const peer = await service.connect();
    expect((await peer.request({ params: { PATH_INFO: '/hello' } })).text).toBe('hello');
    peer.leave();
    await vi.waitFor(
      async () => {
        const after = await service.holdings();
        expect(after).toMatchObject({ descriptors, resources, unhandled: 0 });
      },
      { timeout: 10_000 },
    );
  }

  for (const [way, leave] of Object.entries(LEAVING)) {
    test.each(PATHS)(`${way} after any byte of a request for %s`, async (path) => {
      const bytes = encodeRequest({ stdin: 'the body', params: { PATH_INFO: path } });
      await expectNothingLeft(async () => {
        for (let at = 0; at <= bytes.length; at += at < 24 ? 1 : 5) {
          const peer = await service.connect();
          peer.send(bytes.subarray(0, at));
          await new Promise((resolve) => setImmediate(resolve));
          leave(peer);
        }
      });
    });

    test.each(PATHS.filter((path) => path !== '/never'))(
      `${way} after any record of a response to %s`,
      async (path) => {
        await expectNothingLeft(async () => {
          for (let records = 1; records <= 6; records++) {
            const peer = await service.connect();
            peer.send(encodeRequest({ stdin: 'the body', params: { PATH_INFO: path } }));
            for (let i = 0; i < records; i++) {
              const record = await peer.next();
              if (record === undefined || record.type === TYPE.END_REQUEST) break;
            }
            leave(peer);
          }
        });
      },
    );
  }

  test('aborts a request after any byte of it that ends a record, and one more time', async () => {
    await expectNothingLeft(async () => {
      for (const path of PATHS) {
        const bytes = encodeRequest({ stdin: 'the body', params: { PATH_INFO: path } });
        const peer = await service.connect();
        for (const at of bordersOf(bytes)) {
          peer.send(bytes.subarray(0, at));
          await new Promise((resolve) => setImmediate(resolve));
          peer.send(encodeAbort(), encodeAbort());
          expect((await peer.reply()).end).toBeDefined();
        }
        peer.leave();
      }
    });
  });

  test('sends many requests and reads nothing, a hundred times', async () => {
    await expectNothingLeft(() => leaveUnread(service, 30_000));
  });
});

test('row 24: behind an upload that nobody reads a departure is noticed, but not after responseTimeout', async () => {
  // While the socket is paused nothing is heard of the other side.
  const service = await Service.start({ responseTimeout: 1000, sendTimeout: 1000 });
  const { descriptors } = await service.holdings();
  await leaveUnread(service, 200_000);
  await vi.waitFor(async () => expect((await service.holdings()).descriptors).toBe(descriptors), {
    timeout: 20_000,
  });
  expect((await service.holdings()).unhandled).toBe(0);
  expect(await service.stop()).toBe(0);
});

/** A hundred front ends, each with an upload of this size in three requests, which read no answer. */
async function leaveUnread(service: Service, size: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const peer = await service.connect();
    for (const id of [1, 2, 3]) {
      const params = { PATH_INFO: PATHS[(i + id) % PATHS.length]! };
      peer.send(encodeRequest({ id, stdin: Buffer.alloc(size), params }));
    }
    await new Promise((resolve) => setImmediate(resolve));
    Object.values(LEAVING)[i % 3]!(peer);
  }
}

describe('row 24: an application is told once, its body closed once, and nothing said of it', () => {
  /** What happened to one request. */
  interface Life {
    begun: boolean;
    aborted: number;
    closed: number;
  }

  /** Where the application is when the front end leaves. */
  const STAGES = ['before its headers', 'between two chunks', 'with more than is taken'];

  function application(lives: Life[]) {
    return async (environ: Environ, startResponse: StartResponse) => {
      const life = { begun: true, aborted: 0, closed: 0 };
      lives.push(life);
      const signal = environ['postern.signal'];
      signal.addEventListener('abort', () => void life.aborted++);
      const isAborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
      const stage = environ['QUERY_STRING'];
      startResponse('200 OK', []);
      return {
        async *[Symbol.asyncIterator]() {
          if (stage === STAGES[0]) await isAborted;
          yield Buffer.from('begun');
          if (stage === STAGES[1]) await isAborted;
          for (;;) yield Buffer.alloc(100_000);
        },
        close: () => void life.closed++,
      };
    };
  }

  const ways = { ...LEAVING, aborts: (peer: Peer) => void peer.send(encodeAbort()) };

  for (const [way, leave] of Object.entries(ways)) {
    test.each(STAGES)(`the front end ${way} when it is %s`, async (stage) => {
      const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
      const lives: Life[] = [];
      const gateway = await serve(application(lives));
      const peer = await gateway.connect();
      peer.send(encodeRequest({ params: { QUERY_STRING: stage } }));
      await until(() => lives.length === 1);
      if (stage !== STAGES[0]) while (!peer.answer().text.startsWith('begun')) await peer.next();
      leave(peer);
      await until(() => lives[0]!.closed === 1 && lives[0]!.aborted === 1);
      if (way === 'aborts') expect((await peer.reply()).end).toBeDefined();
      peer.leave();
      await until(() => gateway.connections === 0);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(lives).toEqual([{ begun: true, aborted: 1, closed: 1 }]);
      expect(gateway.log).toEqual([]);
      expect(stderr).not.toHaveBeenCalled();
    });
  }
});

test('row 24: a stop in the middle of all that ends, and nothing is left running', async () => {
  const service = await Service.start();
  const peers: Peer[] = [];
  for (const path of PATHS) {
    const peer = await service.connect();
    peer.send(encodeRequest({ stdin: 'the body', params: { PATH_INFO: path } }));
    peer.send(encodeBegin({ id: 2 }), encodeRecord(TYPE.PARAMS, 2, Buffer.from('\x01')));
    peers.push(peer);
  }
  // It ends with an empty event loop: nobody calls process.exit().
  expect(await service.stop()).toBe(0);
  for (const peer of peers) peer.leave();
});

/** Where the records of some bytes end. */
function bordersOf(bytes: Buffer): number[] {
  const borders: number[] = [];
  for (let at = 0; at < bytes.length;) {
    at += 8 + bytes.readUInt16BE(at + 4) + bytes[at + 6]!;
    borders.push(at);
  }
  return borders;
}
