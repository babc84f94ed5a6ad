/** Bodies that nobody reads, and those who share a connection with them. */

import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import type { FastCgiOptions } from '../../adapters/fastcgi/index.ts';
import type { ApplicationFunction } from '../../src/types.ts';
import { Held, digest, hello, pattern, serve, until } from './kit.ts';
import type { Running } from './kit.ts';
import { TYPE, encodeBegin, encodeParams, encodeRecord, encodeRequest } from './peer.ts';
import type { Peer } from './peer.ts';

const MIB = 1024 * 1024;
/** Milliseconds in which a client that has left must have been noticed. */
const SOON = 2000;
const NONE = Buffer.alloc(0);

/** `/unread` waits, `/stream` answers without end, neither reads its body; all others answer at once. */
class Service {
  readonly held = new Held();
  gateway!: Running;
  aborted = 0;
  closed = 0;

  static async serve(options: Partial<FastCgiOptions> = {}): Promise<Service> {
    const service = new Service();
    service.gateway = await serve(service.application, options);
    return service;
  }

  readonly application: ApplicationFunction = (environ, startResponse) => {
    const path = environ['PATH_INFO'];
    if (path === '/') return hello(environ, startResponse);
    const signal = environ['postern.signal'];
    signal.addEventListener('abort', () => this.aborted++);
    if (path === '/unread') return this.#readLate(environ, startResponse);
    startResponse('200 OK', []);
    return this.#stream(signal);
  };

  readonly #readLate: ApplicationFunction = async (environ, startResponse) => {
    await this.held.application(environ, () => () => undefined);
    const body = await environ['wsgi.input'].read();
    startResponse('200 OK', []);
    return [Buffer.from(digest(body))];
  };

  async *#stream(signal: AbortSignal): AsyncGenerator<Buffer> {
    try {
      for (let i = 0; !signal.aborted; i++) {
        yield Buffer.from(`data: ${i}\n\n`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    } finally {
      this.closed++;
    }
  }

  /** Sends a request with a body as far as `body` goes. */
  async upload(peer: Peer, id: number, path: string, body: Buffer, length: number): Promise<void> {
    const parts = { id, params: { PATH_INFO: path, CONTENT_LENGTH: String(length) } };
    peer.send(encodeBegin(parts), encodeParams(parts));
    await until(() => path !== '/unread' || this.held.waiting.size === 1);
    for (let at = 0; at < body.length; at += 50_000) {
      peer.send(encodeRecord(TYPE.STDIN, id, body.subarray(at, at + 50_000)));
    }
  }
}

async function within(ms: number, run: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await run();
  expect(performance.now() - start).toBeLessThan(ms);
}

describe('neighbours on the connection are answered', () => {
  test.each(['/unread', '/stream'])('while %s does not read 100 kB, or 40 MiB', async (path) => {
    for (const size of [100_000, 40 * MIB]) {
      const service = await Service.serve();
      const peer = await service.gateway.connect();
      await service.upload(peer, 1, path, Buffer.alloc(size), 100 * MIB);
      for (let id = 2; id <= 21; id++) peer.send(encodeRequest({ id }));
      for (let id = 2; id <= 21; id++) expect((await peer.reply(id)).text).toBe('hello');
      peer.leave();
    }
  });

  test('at once, where a front end has been seen to share connections', async () => {
    const service = await Service.serve();
    const peer = await service.gateway.connect();
    peer.send(encodeRequest({ id: 2, params: { PATH_INFO: '/stream' } }));
    await service.upload(peer, 1, '/unread', Buffer.alloc(8 * MIB), 100 * MIB);
    await until(() => peer.frontEnd.socket.writableLength === 0);
    expect((await peer.request({ id: 3 })).text).toBe('hello');
    peer.send(encodeRecord(TYPE.ABORT_REQUEST, 1, NONE));
    await peer.reply(1);
    expect(service.aborted).toBe(1);
    peer.leave();
  });

  test('and the body is there when it is read after all', async () => {
    const service = await Service.serve();
    const peer = await service.gateway.connect();
    const body = pattern(30 * MIB);
    await service.upload(peer, 1, '/unread', body, body.length);
    expect((await peer.request({ id: 2 })).text).toBe('hello');
    service.held.finish('/unread');
    expect((await peer.reply(1)).text).toBe(digest(body));
    peer.leave();
  });
});

describe('what cannot be stored: that request alone is given up', () => {
  const limits = [
    [
      'its own limit',
      { maxSpoolSize: MIB },
      '413 Content Too Large',
      /413: more than maxSpoolSize/,
    ],
    [
      'that of all',
      { maxSpoolTotalSize: MIB },
      '503 Service Unavailable',
      /503: more than maxSpoolTotalSize/,
    ],
    [
      'no folder for it',
      { spoolDir: join(tmpdir(), 'none', 'of', 'this') },
      '503 Service Unavailable',
      /503: .*there is no spool/,
    ],
  ] as const;

  test.each(limits)('%s', async (_, options, status, line) => {
    const service = await Service.serve(options);
    const peer = await service.gateway.connect();
    peer.send(encodeRequest({ id: 2, params: { PATH_INFO: '/stream' } }));
    await service.upload(peer, 1, '/unread', Buffer.alloc(20 * MIB), 100 * MIB);
    expect((await peer.reply(1)).status).toBe(status);
    expect(service.gateway.log.at(-1)).toMatch(line);
    expect((await peer.request({ id: 3 })).text).toBe('hello');
    const before = peer.answer(2).text.length;
    while (peer.answer(2).text.length === before) await peer.next(); // it still streams
    peer.leave();
  });

  test('also when it was held back before others came to be known of', async () => {
    const service = await Service.serve({ maxSpoolSize: MIB });
    const peer = await service.gateway.connect();
    await service.upload(peer, 1, '/unread', Buffer.alloc(10 * MIB), 100 * MIB);
    const other = await service.gateway.connect();
    other.send(encodeRequest({ id: 1, params: { PATH_INFO: '/stream' } }));
    expect((await other.request({ id: 2 })).text).toBe('hello'); // connections are shared here
    expect((await peer.reply(1)).status).toBe('413 Content Too Large');
    expect((await peer.request({ id: 3 })).text).toBe('hello');
    peer.leave();
    other.leave();
  });

  test.each(limits)('%s, once its response has begun: its body', async (_, options) => {
    const service = await Service.serve(options);
    const peer = await service.gateway.connect();
    peer.send(encodeRequest({ id: 2 }), encodeRequest({ id: 3, params: { PATH_INFO: '/stream' } }));
    await service.upload(peer, 1, '/stream', Buffer.alloc(10 * MIB), 100 * MIB);
    expect((await peer.request({ id: 4 })).text).toBe('hello');
    const before = peer.answer(1).text.length;
    while (peer.answer(1).text.length === before) await peer.next();
    expect(service.gateway.log.length).toBeGreaterThan(0);
    peer.leave();
  });
});

describe('a front end that leaves is noticed within two seconds', () => {
  test.each([
    ['alone', 1, true],
    ['alone, without KEEP_CONN', 1, false],
    ['with others', 3, true],
  ])('%s', async (_, count, keep) => {
    for (const size of [100_000, 40 * MIB]) {
      const service = await Service.serve();
      const peer = await service.gateway.connect();
      for (let id = 2; id <= count; id++) {
        peer.send(encodeRequest({ id, keep, params: { PATH_INFO: '/stream' } }));
      }
      await service.upload(peer, 1, '/stream', Buffer.alloc(size), 100 * MIB);
      await until(() => peer.frontEnd.socket.writableLength === 0);
      await within(SOON, async () => {
        peer.leave();
        await until(() => service.aborted === count && service.gateway.connections === 0);
        await until(() => service.closed === count);
      });
    }
  });
});
