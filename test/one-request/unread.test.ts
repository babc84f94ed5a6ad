/** Request bodies that nobody reads, where a connection carries one request: SCGI and uwsgi. FastCGI's are in its folder. */

import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, test, vi } from 'vitest';

import type { ApplicationFunction } from '../../src/types.ts';
import type { Reply } from './client.ts';
import { PROTOCOLS, digest, pattern, serve, until } from './kit.ts';
import type { Running } from './kit.ts';
import type { RequestServerOptions } from '../../src/one-request/options.ts';

const MIB = 1024 * 1024;
/** In which a client that has left must have been noticed, in milliseconds. */
const NOTICED = 2000;

describe.each(PROTOCOLS)('$name', (protocol) => {
  /** An application that reads nothing until it is told to. */
  class Waiting {
    gateway!: Running;
    closed = 0;
    aborted = 0;
    begun = 0;
    read!: () => void;
    readonly #mayRead = new Promise<void>((resolve) => (this.read = resolve));

    static async serve(options: Partial<RequestServerOptions> = {}): Promise<Waiting> {
      const waiting = new Waiting();
      waiting.gateway = await serve(protocol, waiting.application, options);
      return waiting;
    }

    readonly application: ApplicationFunction = (environ, startResponse) => {
      this.begun++;
      environ['postern.signal'].addEventListener('abort', () => this.aborted++);
      const read = async function* (this: Waiting): AsyncGenerator<Buffer> {
        try {
          await this.#mayRead;
          const body = await environ['wsgi.input'].read();
          startResponse('200 OK', []);
          yield Buffer.from(digest(body));
        } finally {
          this.closed++;
        }
      };
      return read.call(this);
    };
  }

  test.each([
    ['100 kB', 100_000],
    ['1 MiB', MIB],
    ['40 MiB', 40 * MIB],
  ])('%s of a larger body, and the client leaves: noticed within two seconds', async (_, size) => {
    const waiting = await Waiting.serve();
    const frontEnd = await waiting.gateway.open({ CONTENT_LENGTH: String(100 * MIB) });
    await until(() => waiting.begun === 1);
    await new Promise<void>((resolve) =>
      frontEnd.socket.write(Buffer.alloc(size), () => resolve()),
    );
    const left = performance.now();
    frontEnd.leave();
    await until(() => waiting.aborted === 1 && waiting.gateway.connections === 0);
    expect(performance.now() - left).toBeLessThan(NOTICED);
    waiting.read(); // the generator waits for that alone, and is told to return
    await until(() => waiting.closed === 1);
    expect(waiting.gateway.log).toEqual([]);
  });

  test('what waits in a spool file is read like any other body', async () => {
    const waiting = await Waiting.serve();
    const body = pattern(30 * MIB);
    const frontEnd = await waiting.gateway.open({ CONTENT_LENGTH: String(body.length) }, undefined);
    await new Promise<void>((resolve) => frontEnd.socket.write(body, () => resolve()));
    waiting.read();
    expect(String((await frontEnd.reply()).body)).toBe(digest(body));
  });

  test('read in pieces, while more of it comes', async () => {
    let go!: () => void;
    const begin = new Promise<void>((resolve) => (go = resolve));
    const gateway = await serve(protocol, async (environ, startResponse) => {
      await begin;
      const chunks: Buffer[] = [];
      for await (const chunk of environ['wsgi.input']) {
        chunks.push(chunk);
        if (chunks.length % 16 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      startResponse('200 OK', []);
      return [Buffer.from(digest(Buffer.concat(chunks)))];
    });
    const body = pattern(30 * MIB);
    const frontEnd = await gateway.open({ CONTENT_LENGTH: String(body.length) });
    const written = { bytes: 0 };
    for (let at = 0; at < body.length; at += 100_000) {
      const piece = body.subarray(at, at + 100_000);
      frontEnd.socket.write(piece, () => (written.bytes += piece.length));
    }
    await until(() => written.bytes > 10 * MIB); // more than all buffers hold: it is in a file
    go();
    expect(String((await frontEnd.reply()).body)).toBe(digest(body));
  });

  test('without a spool, the rest waits in the sockets', async () => {
    const waiting = await Waiting.serve({ spoolDir: join(tmpdir(), 'none', 'of', 'this') });
    const body = pattern(30 * MIB);
    const frontEnd = await waiting.gateway.open({ CONTENT_LENGTH: String(body.length) });
    frontEnd.socket.write(body);
    await until(() => waiting.gateway.log.length > 0);
    expect(waiting.gateway.log[0]).toMatch(/^cannot make a spool file in/);
    waiting.read();
    expect(String((await frontEnd.reply()).body)).toBe(digest(body));
  });

  test('unreadTimeout: reading fails then, and the connection is read to its end', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const waiting = await Waiting.serve({ unreadTimeout: 5000 });
      const frontEnd = await waiting.gateway.open({ CONTENT_LENGTH: String(100 * MIB) });
      let isSent = false;
      frontEnd.socket.write(Buffer.alloc(30 * MIB), () => (isSent = true));
      await until(() => {
        vi.advanceTimersByTime(10);
        return isSent;
      });
      vi.advanceTimersByTime(6000);
      waiting.read();
      let reply: Reply | undefined;
      void frontEnd.reply().then((whole) => (reply = whole));
      await until(() => {
        vi.advanceTimersByTime(100); // the rest of the body is waited for, for a while
        return reply !== undefined;
      });
      expect(reply!.head).toContain('503 Service Unavailable');
      expect(waiting.gateway.log.at(-1)).toMatch(
        /503: the application read nothing of the body for unreadTimeout$/,
      );
    } finally {
      vi.useRealTimers();
    }
  });
});
