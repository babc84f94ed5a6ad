/** Limits of number and size: each an option, with an error that names it. */

import { describe, expect, test, vi } from 'vitest';

import { runWithFastCgi } from '../../adapters/fastcgi/index.ts';
import { UsageError } from '../../src/errors.ts';
import { Held, controlTime, echo, hello, serve, until } from './kit.ts';
import {
  STATUS,
  TYPE,
  encodeBegin,
  encodePairs,
  encodeParams,
  encodeRecord,
  encodeRequest,
  encodeStream,
} from './peer.ts';
import type { Answer } from './peer.ts';

const MIB = 1024 * 1024;
const FROM = /^fastcgi: 127\.0\.0\.1:\d+: /;

test.each(['maxParams', 'idleTimeout', 'maxDrainSize'])('%s that is no number', async (name) => {
  for (const value of [NaN, -1, 'many' as unknown as number]) {
    await expect(runWithFastCgi(hello, { listen: 0, [name]: value })).rejects.toThrow(
      new UsageError(`${name} ${value} is not a number from 0 up`),
    );
  }
});

describe('maxConnections', () => {
  test('one more is closed at once, and when one has gone the next is served', async () => {
    const gateway = await serve(hello, { maxConnections: 2 });
    const peers = [await gateway.connect(), await gateway.connect()];
    for (const peer of peers) await peer.request();
    const extra = await gateway.connect();
    await extra.ending();
    expect(gateway.log).toHaveLength(1);
    expect(gateway.log[0]).toMatch(FROM);
    expect(gateway.log[0]).toMatch(/more than maxConnections \(2\)$/);
    for (const peer of peers) expect((await peer.request()).text).toBe('hello');
    peers[0]!.leave();
    await until(() => gateway.connections === 1);
    expect((await gateway.request()).text).toBe('hello');
    peers[1]!.leave();
  });

  test('no limit is announced as a number all the same', async () => {
    const gateway = await serve(hello, {
      maxConnections: Infinity,
      maxConcurrentRequests: Infinity,
      maxConcurrentRequestsPerConnection: Infinity,
    });
    const peer = await gateway.connect();
    const names = ['FCGI_MAX_CONNS', 'FCGI_MAX_REQS'];
    peer.send(encodeRecord(TYPE.GET_VALUES, 0, encodePairs(names.map((name) => [name, '']))));
    const { content } = (await peer.next())!;
    expect(String(content)).toBe('\x0e\x05FCGI_MAX_CONNS65535\x0d\x05FCGI_MAX_REQS65535');
    peer.leave();
  });
});

describe('maxConcurrentRequestsPerConnection', () => {
  test('one more is answered 503, and when one is over the next is served', async () => {
    const held = new Held();
    const gateway = await serve(held.application, { maxConcurrentRequestsPerConnection: 2 });
    const peer = await gateway.connect();
    for (const id of [1, 2]) peer.send(encodeRequest({ id, params: { PATH_INFO: `/${id}` } }));
    await until(() => held.waiting.size === 2);
    expectRefusal(await peer.request({ id: 3, stdin: 'body' }), '503 Service Unavailable');
    expect(gateway.log).toHaveLength(1);
    expect(gateway.log[0]).toMatch(FROM);
    expect(gateway.log[0]).toMatch(/503: more than maxConcurrentRequestsPerConnection \(2\)$/);
    held.finish('/1');
    await peer.reply(1);
    peer.send(encodeRequest({ id: 3, params: { PATH_INFO: '/3' } }));
    await until(() => held.waiting.size === 2);
    for (const id of [2, 3]) {
      held.finish(`/${id}`);
      expect((await peer.reply(id)).text).toBe(`/${id}`);
    }
    peer.leave();
  });

  test('requests whose PARAMS are not complete count, so that they cannot fill memory', async () => {
    const application = vi.fn(hello);
    const gateway = await serve(application, { maxConcurrentRequestsPerConnection: 10 });
    const peer = await gateway.connect();
    for (let id = 1; id <= 1000; id++) {
      peer.send(encodeBegin({ id }), encodeRecord(TYPE.PARAMS, id, Buffer.alloc(1000)));
    }
    for (let id = 11; id <= 1000; id++) {
      expectRefusal(await peer.reply(id), '503 Service Unavailable');
    }
    expect(application).not.toHaveBeenCalled();
    peer.leave();
  });

  test('without KEEP_CONN the connection is closed after such an answer, too', async () => {
    const gateway = await serve(hello, { maxConcurrentRequestsPerConnection: 0 });
    const peer = await gateway.connect();
    expectRefusal(await peer.request({ keep: false }), '503 Service Unavailable');
    expect(await peer.ending()).toBe('closed');
  });
});

describe('maxConcurrentRequests', () => {
  test('one more on any connection is answered 503', async () => {
    const held = new Held();
    const gateway = await serve(held.application, { maxConcurrentRequests: 2 });
    const peers = [await gateway.connect(), await gateway.connect()];
    for (const [i, peer] of peers.entries()) {
      peer.send(encodeRequest({ params: { PATH_INFO: `/${i}` } }));
    }
    await until(() => held.waiting.size === 2);
    expectRefusal(await gateway.request(), '503 Service Unavailable');
    expect(gateway.log).toHaveLength(1);
    expect(gateway.log[0]).toMatch(/503: more than maxConcurrentRequests \(2\)$/);
    for (const [i, peer] of peers.entries()) {
      held.finish(`/${i}`);
      await peer.reply();
      peer.leave();
    }
  });

  test('those that were aborted, or left, count until the application is through with them', async () => {
    const held = new Held();
    const gateway = await serve(
      (environ, startResponse) =>
        environ['PATH_INFO'] === '/'
          ? hello(environ, startResponse)
          : held.application(environ, startResponse),
      { maxConcurrentRequests: 2 },
    );
    const peer = await gateway.connect();
    peer.send(encodeRequest({ params: { PATH_INFO: '/1' } }));
    peer.send(encodeRecord(TYPE.ABORT_REQUEST, 1, Buffer.alloc(0)));
    await peer.reply();
    const leaving = await gateway.connect();
    leaving.send(encodeRequest({ params: { PATH_INFO: '/2' } }));
    await until(() => held.waiting.size === 2);
    leaving.leave();
    await until(() => gateway.connections === 1);
    expect((await peer.request()).status).toBe('503 Service Unavailable');
    held.finish('/1');
    await new Promise((resolve) => setImmediate(resolve));
    expect((await peer.request()).text).toBe('hello');
    held.finish('/2');
    peer.leave();
  });

  test('an application that hangs with them counts for responseTimeout after that', async () => {
    const second = controlTime();
    const gateway = await serve(
      (environ, startResponse) =>
        environ['PATH_INFO'] === '/' ? hello(environ, startResponse) : new Promise(() => {}),
      { maxConcurrentRequests: 1, responseTimeout: 5000 },
    );
    const leaving = await gateway.connect();
    leaving.send(encodeRequest({ params: { PATH_INFO: '/hang' } }));
    await until(() => gateway.connections === 1);
    leaving.leave();
    await until(() => gateway.connections === 0);
    expect((await gateway.request()).status).toBe('503 Service Unavailable');
    for (let i = 0; i < 8; i++) second();
    expect((await gateway.request()).text).toBe('hello');
    expect(gateway.log.at(-1)).toMatch(/the application still runs/);
  });

  test('those that were refused, broken or left before they began are not counted for ever', async () => {
    const gateway = await serve(
      (environ, startResponse) => {
        if (environ['PATH_INFO'] === '/wait') {
          const { 'postern.signal': signal } = environ;
          return new Promise((resolve) => signal.addEventListener('abort', () => resolve([])));
        }
        return hello(environ, startResponse);
      },
      { maxConcurrentRequests: 1 },
    );
    const params = { PATH_INFO: '/wait' };
    for (let i = 0; i < 3; i++) {
      const peer = await gateway.connect();
      peer.send(encodeRequest({ params }), encodeRecord(TYPE.ABORT_REQUEST, 1, Buffer.alloc(0)));
      await peer.reply();
      peer.send(encodeBegin({}), encodeRecord(TYPE.ABORT_REQUEST, 1, Buffer.alloc(0)));
      await peer.reply();
      expect((await peer.request()).text).toBe('hello');
      peer.send(encodeRequest({ params }));
      peer.leave();
      await until(() => gateway.connections === 0);
      const begun = await gateway.connect();
      begun.send(encodeBegin({}));
      await until(() => gateway.connections === 1);
      begun.leave();
      await until(() => gateway.connections === 0);
    }
    expect((await gateway.request()).text).toBe('hello');
    expect(gateway.log).toEqual([]);
  });
});

test('maxResponseHeadSize: as much as is allowed, and not a byte more', async () => {
  const errors: string[] = [];
  const gateway = await serve(
    (environ, startResponse) => {
      environ['wsgi.errors'].write = (text) => void errors.push(text);
      const frame = 'X-Long: \r\nContent-Length: 5\r\nStatus: 200 OK\r\n\r\n'.length;
      const value = 'x'.repeat(Number(environ['PATH_INFO'].slice(1)) - frame);
      startResponse('200 OK', [['X-Long', value]]);
      return [Buffer.from('hello')];
    },
    { maxResponseHeadSize: 1000 },
  );
  const allowed = await gateway.request({ params: { PATH_INFO: '/1000' } });
  expect([allowed.status, allowed.text]).toEqual(['200 OK', 'hello']);
  const longer = await gateway.request({ params: { PATH_INFO: '/1001' } });
  expect(longer.status).toBe('500 Internal Server Error');
  expect(errors.join('')).toContain('longer than maxResponseHeadSize (1000)');
});

describe('maxParamsSize', () => {
  test('as much as is allowed, and not a byte more', async () => {
    const gateway = await serve(hello, { maxParamsSize: 1000 });
    const peer = await gateway.connect();
    const frame = encodePairs([['A', 'x'.repeat(200)]]).length - 200;
    for (const [size, status] of [
      [1000, '200 OK'],
      [1001, '431 Request Header Fields Too Large'],
    ] as const) {
      const pairs = encodePairs([['A', 'x'.repeat(size - frame)]]);
      expect(pairs).toHaveLength(size);
      for (const piece of [65_535, 100, 1]) {
        peer.send(encodeBegin({}), encodeStream(TYPE.PARAMS, 1, pairs, piece));
        peer.send(encodeStream(TYPE.STDIN, 1, Buffer.from('body')));
        expect((await peer.reply()).status).toBe(status);
      }
    }
    expect(gateway.log).toHaveLength(1); // one a second
    expect(gateway.log[0]).toMatch(FROM);
    expect(gateway.log[0]).toMatch(/431: more than maxParamsSize \(1000\) bytes$/);
    peer.leave();
  });

  test('the default lets 100 KiB of headers through, and refuses an endless stream of them', async () => {
    const application = vi.fn(hello);
    const gateway = await serve(application);
    const peer = await gateway.connect();
    const params = { HTTP_COOKIE: 'x'.repeat(100 * 1024) };
    expect((await peer.request({ params })).text).toBe('hello');
    const record = encodeRecord(TYPE.PARAMS, 1, Buffer.alloc(65_535));
    peer.send(encodeBegin({}), record, record, record, record);
    expectRefusal(await peer.reply(), '431 Request Header Fields Too Large');
    expect(application).toHaveBeenCalledTimes(1);
    peer.leave();
  });
});

describe('maxParams', () => {
  test('as many as are allowed, and not one more', async () => {
    const gateway = await serve(hello, { maxParams: 10 });
    const peer = await gateway.connect();
    for (const count of [10, 11, 10]) {
      const pairs = Array.from({ length: count }, (_, i) => [`A${i}`, ''] as const);
      peer.send(encodeBegin({}), encodeStream(TYPE.PARAMS, 1, encodePairs(pairs)));
      const answer = await peer.reply();
      if (count <= 10) expect(answer.text).toBe('hello');
      else expectRefusal(answer, '431 Request Header Fields Too Large');
    }
    expect(gateway.log).toHaveLength(1);
    expect(gateway.log[0]).toMatch(FROM);
    expect(gateway.log[0]).toMatch(/431: more than maxParams \(10\)$/);
    peer.leave();
  });
});

test('malformed PARAMS are answered 400, and the connection goes on', async () => {
  const application = vi.fn(hello);
  const gateway = await serve(application);
  const peer = await gateway.connect();
  peer.send(encodeBegin({}), encodeStream(TYPE.PARAMS, 1, Buffer.from([5, 5, 1])));
  expectRefusal(await peer.reply(), '400 Bad Request');
  expect(application).not.toHaveBeenCalled();
  expect(gateway.log[0]).toMatch(FROM);
  expect(gateway.log[0]).toMatch(/400: a variable of 5 \+ 5 bytes runs past the end of PARAMS$/);
  expect((await peer.request()).text).toBe('hello');
  peer.leave();
});

describe('maxDrainSize', () => {
  test('what comes behind a response within it costs nothing', async () => {
    const gateway = await serve(hello, { maxDrainSize: MIB });
    const peer = await gateway.connect();
    const parts = { stdin: Buffer.alloc(MIB) };
    for (let i = 0; i < 5; i++) expect((await peer.request(parts)).text).toBe('hello');
    expect(gateway.log).toEqual([]);
    peer.leave();
  });

  test('with more, the connection is closed, with a line in the log', async () => {
    const gateway = await serve(hello, { maxDrainSize: MIB });
    const peer = await gateway.connect();
    peer.send(encodeRequest({ stdin: Buffer.alloc(2 * MIB) }));
    expect((await peer.reply()).text).toBe('hello');
    expect(await peer.ending()).toBe('closed');
    expect(gateway.log).toHaveLength(1);
    expect(gateway.log[0]).toMatch(FROM);
    expect(gateway.log[0]).toMatch(/more than maxDrainSize \(1048576\) bytes after the end/);
  });

  test('but not before its neighbours have finished', async () => {
    const held = new Held();
    const gateway = await serve(held.application, { maxDrainSize: 1000 });
    const peer = await gateway.connect();
    peer.send(encodeRequest({ id: 1, params: { PATH_INFO: '/1' } }));
    peer.send(encodeStream(TYPE.STDIN, 9, Buffer.alloc(2000)));
    await until(() => gateway.log.length === 1);
    held.finish('/1');
    expect((await peer.reply(1)).text).toBe('/1');
    expect(await peer.ending()).toBe('closed');
  });

  test('a body that the application reads is none of it', async () => {
    const gateway = await serve(echo, { maxDrainSize: 1000 });
    const peer = await gateway.connect();
    const stdin = 'x'.repeat(100_000);
    for (let i = 0; i < 3; i++) expect((await peer.request({ stdin })).text).toBe(stdin);
    expect(gateway.log).toEqual([]);
    peer.leave();
  });

  test('what still comes behind the last response is thrown away, so that the front end sees it', async () => {
    const gateway = await serve(hello, { maxDrainSize: 1000 });
    const peer = await gateway.connect();
    peer.send(
      encodeBegin({ keep: false }),
      encodeParams({ params: { CONTENT_LENGTH: '999999999' } }),
    );
    expect((await peer.reply()).text).toBe('hello');
    const chunk = encodeRecord(TYPE.STDIN, 1, Buffer.alloc(60_000));
    const { socket } = peer.frontEnd;
    for (let i = 0; i < 500; i++) socket.write(chunk);
    await new Promise((resolve) => socket.write(chunk, resolve)); // all of it was taken
    peer.leave();
    expect(gateway.log).toEqual([]);
  });
});

/** A real response, because END_REQUEST with a protocol status is none for most front ends. */
function expectRefusal(answer: Answer, status: string): void {
  expect([answer.status, answer.text]).toEqual([status, `${status}\n`]);
  expect(answer.head).toContain('Content-Type: text/plain; charset=utf-8');
  const protocolStatus = STATUS.REQUEST_COMPLETE; // anything else ends all requests of a connection of HAProxy's
  expect(answer.end).toEqual({ appStatus: 0, protocolStatus });
}
