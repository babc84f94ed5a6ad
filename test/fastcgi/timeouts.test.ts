/** Limits of time. The clock is the test's: a second passes when it says so. */

import { once } from 'node:events';

import { beforeEach, describe, expect, test } from 'vitest';

import { Held, controlTime, endlessBody, hello, serve, until } from './kit.ts';
import { TYPE, encodeBegin, encodeParams, encodeRecord, encodeRequest } from './peer.ts';
import type { Peer } from './peer.ts';

const MIB = 1024 * 1024;
const FROM = /^fastcgi: 127\.0\.0\.1:\d+: /;
const COMPLETE = { appStatus: 0, protocolStatus: 0 };

let second: () => void;
beforeEach(() => void (second = controlTime()));

/** Lets time pass until something is so. */
async function passing(condition: () => boolean): Promise<void> {
  await until(() => {
    second();
    return condition();
  });
}

function minutes(count: number): void {
  for (let i = 0; i < 60 * count; i++) second();
}

describe('row 17: idleTimeout', () => {
  test('a connection without a request is closed, quietly', async () => {
    const gateway = await serve(hello, { idleTimeout: 5000 });
    const silent = await gateway.connect();
    const used = await gateway.connect();
    await used.request();
    const cut = await gateway.connect();
    cut.send(encodeBegin({}).subarray(0, 5)); // not even a whole record
    await until(() => gateway.connections === 3);
    await passing(() => gateway.connections === 0);
    for (const peer of [silent, used, cut]) expect(await peer.ending()).toBe('closed');
    expect(gateway.log).toEqual([]);
  });

  test('one that is used now and then stays, and one that waits for its answer', async () => {
    const held = new Held();
    const gateway = await serve(
      (environ, startResponse) =>
        environ['PATH_INFO'] === '/held'
          ? held.application(environ, startResponse)
          : hello(environ, startResponse),
      { idleTimeout: 5000 },
    );
    const waiting = await gateway.connect();
    waiting.send(encodeRequest({ params: { PATH_INFO: '/held' } }));
    const used = await gateway.connect();
    for (let i = 0; i < 30; i++) {
      expect((await used.request()).text).toBe('hello');
      second();
    }
    held.finish('/held');
    expect((await waiting.reply()).text).toBe('/held');
    waiting.leave();
    used.leave();
  });

  test('0 is no limit', async () => {
    const gateway = await serve(hello, { idleTimeout: 0 });
    const peer = await gateway.connect();
    await peer.request();
    minutes(60);
    expect((await peer.request()).text).toBe('hello');
    peer.leave();
  });
});

describe('row 17: paramsTimeout', () => {
  test('PARAMS that do not come, or drip: the connection is closed', async () => {
    const gateway = await serve(hello, { paramsTimeout: 3000 });
    const silent = await gateway.connect();
    silent.send(encodeBegin({}));
    const slow = await gateway.connect();
    slow.send(encodeBegin({}));
    await until(() => gateway.connections === 2);
    await passing(() => {
      slow.send(encodeRecord(TYPE.PARAMS, 1, Buffer.from('\x01\0A')));
      return gateway.log.length === 2;
    });
    for (const peer of [silent, slow]) expect((await peer.reply()).head).toBe('');
    for (const line of gateway.log) {
      expect(line).toMatch(FROM);
      expect(line).toMatch(/: PARAMS took longer than paramsTimeout$/);
    }
    await until(() => gateway.connections === 0);
  });

  test('not when they have come: nothing is left of the limit', async () => {
    let begun = false;
    const application = (): Promise<never> => {
      begun = true;
      return new Promise(() => {});
    };
    const gateway = await serve(application, { paramsTimeout: 1000, responseTimeout: 0 });
    const peer = await gateway.connect();
    const params = encodeParams({});
    peer.send(encodeBegin({}), params.subarray(0, 20));
    await until(() => gateway.connections === 1);
    peer.send(params.subarray(20));
    await until(() => begun);
    minutes(10);
    expect(gateway.log).toEqual([]);
    expect(gateway.connections).toBe(1);
    peer.leave();
  });
});

describe('row 17: bodyTimeout', () => {
  test('a body that stalls: 408, where the application lets the error pass', async () => {
    let received = 0;
    const gateway = await serve(
      async (environ, startResponse) => {
        for await (const chunk of environ['wsgi.input']) received += chunk.length;
        return hello(environ, startResponse);
      },
      { bodyTimeout: 3000 },
    );
    const peer = await gateway.connect();
    const parts = { params: { CONTENT_LENGTH: '100', REMOTE_ADDR: '192.0.2.7' } };
    peer.send(encodeBegin(parts), encodeParams(parts));
    for (let sent = 1; sent <= 10; sent++) {
      peer.send(encodeRecord(TYPE.STDIN, 1, Buffer.from('x')));
      await until(() => received === sent);
      second(); // with progress, not even ten seconds are too many
    }
    expect(gateway.log).toEqual([]);
    await passing(() => gateway.log.length > 0);
    const answer = await peer.reply();
    expect([answer.status, answer.end]).toEqual(['408 Request Timeout', COMPLETE]);
    expect(gateway.log).toEqual(['fastcgi: 192.0.2.7: 408: the body stalled for bodyTimeout']);
    expect((await peer.request({ stdin: 'x' })).text).toBe('hello');
    peer.leave();
  });

  test('one that the application does not read may stall', async () => {
    const held = new Held();
    const gateway = await serve(held.application, { bodyTimeout: 1000, responseTimeout: 0 });
    const peer = await gateway.connect();
    const parts = { params: { CONTENT_LENGTH: '10' } };
    peer.send(encodeBegin(parts), encodeParams(parts));
    peer.send(encodeRecord(TYPE.STDIN, 1, Buffer.from('short')));
    await until(() => held.waiting.size === 1);
    minutes(10);
    held.finish('/');
    expect((await peer.reply()).text).toBe('/');
    expect(gateway.log).toEqual([]);
    peer.leave();
  });

  test('one that comes behind what a neighbour does not read does not stall', async () => {
    let go!: () => void;
    const gateway = await serve(
      async (environ, startResponse) => {
        if (environ['PATH_INFO'] === '/full') await new Promise<void>((resolve) => (go = resolve));
        let length = 0;
        for await (const chunk of environ['wsgi.input']) length += chunk.length;
        startResponse('200 OK', []);
        return [Buffer.from(String(length))];
      },
      { bodyTimeout: 1000, responseTimeout: 0 },
    );
    const peer = await gateway.connect();
    const small = { id: 1, params: { CONTENT_LENGTH: '4' } };
    peer.send(encodeBegin(small), encodeParams(small));
    peer.send(
      encodeRequest({ id: 2, stdin: Buffer.alloc(4 * MIB), params: { PATH_INFO: '/full' } }),
    );
    peer.send(encodeRecord(TYPE.STDIN, 1, Buffer.from('body')));
    await until(() => go !== undefined);
    // What a neighbour does not read goes to the spool, and what is behind it comes in time.
    expect((await peer.reply(1)).text).toBe('4');
    minutes(10);
    expect(gateway.log).toEqual([]);
    go();
    expect((await peer.reply(2)).text).toBe(String(4 * MIB));
    peer.leave();
  });
});

describe('row 17: responseTimeout', () => {
  test('no response: 503, and the application is told', async () => {
    let told = false;
    const gateway = await serve(
      async (environ) => {
        await once(environ['postern.signal'], 'abort');
        told = true;
        return [];
      },
      { responseTimeout: 3000 },
    );
    const peer = await gateway.connect();
    peer.send(encodeRequest({ params: { REMOTE_ADDR: '192.0.2.7' } }));
    await passing(() => told);
    const answer = await peer.reply();
    expect([answer.status, answer.end]).toEqual(['503 Service Unavailable', COMPLETE]);
    expect(gateway.log).toEqual(['fastcgi: 192.0.2.7: 503: no response within responseTimeout']);
    peer.leave();
  });

  test('one that never looks is answered for as well, and what it sends later is not sent', async () => {
    const held = new Held();
    const gateway = await serve(held.application, { responseTimeout: 3000 });
    const peer = await gateway.connect();
    peer.send(encodeRequest());
    await passing(() => gateway.log.length > 0);
    expect((await peer.reply()).status).toBe('503 Service Unavailable');
    held.finish('/');
    peer.send(encodeRequest({ id: 2, params: { PATH_INFO: '/2' } }));
    await until(() => held.waiting.has('/2'));
    held.finish('/2');
    expect((await peer.reply(2)).text).toBe('/2');
    peer.leave();
  });

  test('a response that has begun may take its time', async () => {
    let go: (() => void) | undefined;
    const gateway = await serve(
      async (_environ, startResponse) => {
        startResponse('200 OK', []);
        return (async function* () {
          yield Buffer.from('a');
          await new Promise<void>((resolve) => (go = resolve));
          yield Buffer.from('b');
        })();
      },
      { responseTimeout: 1000 },
    );
    const peer = await gateway.connect();
    peer.send(encodeRequest());
    await until(() => go !== undefined);
    minutes(10);
    go!();
    expect((await peer.reply()).text).toBe('ab');
    expect(gateway.log).toEqual([]);
    peer.leave();
  });

  test('also one that begins some turns after the application was called', async () => {
    let go: (() => void) | undefined;
    const gateway = await serve(
      async (_environ, startResponse) => {
        await new Promise((resolve) => setTimeout(resolve, 10));
        const write = startResponse('200 OK', []);
        await write('a');
        await new Promise<void>((resolve) => (go = resolve));
        return [Buffer.from('b')];
      },
      { responseTimeout: 1000 },
    );
    const peer = await gateway.connect();
    peer.send(encodeRequest());
    await until(() => go !== undefined);
    minutes(10);
    go!();
    expect((await peer.reply()).text).toBe('ab');
    peer.leave();
  });
});

describe('row 17: sendTimeout', () => {
  const refused = /: nothing was read for sendTimeout(?: \(and \d+ more warnings before\))?$/;

  test('a stream that nobody takes: the connection is cut, the body ended', async () => {
    let ended = false;
    const gateway = await serve(
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return endlessBody(() => (ended = true));
      },
      { sendTimeout: 5000 },
    );
    const peer = await gateway.connect();
    peer.send(encodeRequest());
    await passing(() => ended);
    expectOne(gateway.log, refused);
    expect(await peer.ending()).toBe('reset');
    expect(peer.answer().end).toBeUndefined();
  });

  test('a whole response of which nothing is taken, with and without KEEP_CONN', async () => {
    for (const keep of [true, false]) {
      const gateway = await serve(
        (_environ, startResponse) => {
          startResponse('200 OK', []);
          return [Buffer.alloc(64 * MIB)];
        },
        { sendTimeout: 5000 },
      );
      const peer = await gateway.connect();
      peer.send(encodeRequest({ keep }));
      await until(() => gateway.connections === 1);
      await passing(() => gateway.connections === 0);
      expectOne(gateway.log, refused);
      expect(await peer.ending()).toBe('reset');
      expect(peer.answer().end).toBeUndefined();
    }
  });

  test('small answers that nobody takes, in any number', async () => {
    const gateway = await serve(hello, { sendTimeout: 5000 });
    const peer = await gateway.connect();
    let id = 0;
    const more = (): void => {
      while (peer.send(encodeRequest({ id: (id++ % 65_535) + 1 })));
    };
    peer.frontEnd.socket.on('drain', more);
    more();
    await until(() => gateway.connections === 1);
    await passing(() => gateway.connections === 0);
    // Those that cannot be sent count as in flight; then there is no more reading.
    const others = gateway.log.filter(
      (line) => !line.includes('maxConcurrentRequestsPerConnection (256)'),
    );
    expectOne(others, refused);
    expect(gateway.log.length).toBeLessThan(10_000);
    peer.leave();
  });

  test('one that is taken slowly is not cut', async () => {
    const gateway = await serve(
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return [Buffer.alloc(64 * MIB)];
      },
      { sendTimeout: 60_000 },
    );
    const peer = await gateway.connect();
    peer.send(encodeRequest());
    // 256 KiB in a second: four times sendTimeout for all of it.
    for (let count = 1; (await peer.next())?.type === TYPE.STDOUT; count++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (count % 4 === 0) second();
    }
    expect((await peer.reply()).end).toEqual(COMPLETE);
    expect(gateway.log).toEqual([]);
    peer.leave();
  });

  test('nor is a connection on which there is nothing to take', async () => {
    const gateway = await serve(hello, { sendTimeout: 1000, idleTimeout: 0 });
    const peer = await gateway.connect();
    await peer.request();
    minutes(10);
    expect((await peer.request()).text).toBe('hello');
    peer.leave();
  });
});

describe('row 17: the end of a connection', () => {
  test('a peer that does not close its side is cut off after a while', async () => {
    const gateway = await serve(hello);
    const peer = await gateway.connect();
    peer.send(encodeRequest({ keep: false }));
    await peer.reply();
    expect(gateway.connections).toBe(1);
    await passing(() => gateway.connections === 0);
    expect(gateway.log).toEqual([]);
    peer.leave();
  });

  test('but not while it still takes the response', async () => {
    const gateway = await serve((_environ, startResponse) => {
      startResponse('200 OK', []);
      return [Buffer.alloc(8 * MIB)];
    });
    const peer = await gateway.connect();
    peer.send(encodeRequest({ keep: false }));
    let length = 0;
    while ((await next(peer)) === TYPE.STDOUT) length++;
    expect(length).toBeGreaterThan(100);
    expect(peer.answer().body).toHaveLength(8 * MIB);
    expect(peer.answer().end).toEqual(COMPLETE);
    peer.leave();

    /** A minute passes before each of the last records. */
    async function next(from: Peer): Promise<number | undefined> {
      if (length > 100) for (let i = 0; i < 20; i++) second();
      await new Promise((resolve) => setImmediate(resolve));
      return (await from.next())?.type;
    }
  });
});

function expectOne(log: readonly string[], rule: RegExp): void {
  expect(log).toHaveLength(1);
  expect(log[0]).toMatch(FROM);
  expect(log[0]).toMatch(rule);
}
