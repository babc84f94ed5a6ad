import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { fromNode, fromNodeForCommand } from '../../../src/apps/node/node.ts';
import type { MountedRequest } from '../../../src/apps/node/native.ts';
import { get, until, visit } from '../kit.ts';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function ticks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await tick();
}

/** Names of the events that an object emits, in their order. */
function record(names: string[], emitter: IncomingMessage | ServerResponse, label: string): void {
  for (const name of ['aborted', 'drain', 'end', 'error', 'finish', 'close', 'timeout']) {
    emitter.on(name, () => names.push(`${label} ${name}`));
  }
}

describe.each([
  ['fromNode', fromNode],
  ['fromNodeForCommand', fromNodeForCommand],
])('%s:', (_name, make) => {
  describe('the request', () => {
    it('has method, URL, headers, version and addresses', async () => {
      let seen: unknown;
      const app = make((req, res) => {
        const { method, url, httpVersion, headers, headersDistinct, rawHeaders, complete } = req;
        const { remoteAddress, remotePort, remoteFamily } = req.socket;
        seen = { method, url, httpVersion, headers, headersDistinct, rawHeaders, complete };
        expect([remoteAddress, remotePort, remoteFamily]).toEqual(['127.0.0.1', 4321, 'IPv4']);
        expect('encrypted' in req.socket && req.socket.encrypted).toBe(undefined);
        expect(req.connection).toBe(req.socket);
        res.end();
      });
      await get(app, {
        target: '/a%20b/%2F?x=1&',
        headers: [['X-One', 'a']],
        variables: { REMOTE_PORT: '4321', SERVER_PROTOCOL: 'HTTP/2.0' },
      });
      expect(seen).toEqual({
        method: 'GET',
        url: '/a%20b/%2F?x=1&',
        httpVersion: '1.1',
        headers: { host: 'localhost', 'x-one': 'a' },
        headersDistinct: { host: ['localhost'], 'x-one': ['a'] },
        rawHeaders: ['Host', 'localhost', 'X-One', 'a'],
        complete: true,
      });
    });

    it('knows that the client came through TLS, or with HTTP/1.0', async () => {
      const app = make((req, res) => {
        res.end(
          `${(req.socket as unknown as { encrypted: unknown }).encrypted} ${req.httpVersion}`,
        );
      });
      const variables = { HTTPS: 'on', SERVER_PROTOCOL: 'HTTP/1.0' };
      expect((await get(app, { variables })).text).toBe('true 1.0');
    });

    it.each([
      ['/app/x?y', '/x?y', '/app', '/app/x?y'],
      ['/app', '/', '/app', '/app'],
      ['/app?y', '/?y', '/app', '/app?y'],
      ['/%61pp/x%20y', '/x%20y', '/app', '/%61pp/x%20y'],
      ['/apple', '/apple', undefined, undefined],
    ])('%s under the mount /app', async (target, url, baseUrl, originalUrl) => {
      let seen: unknown;
      const app = make((req: MountedRequest, res) => {
        seen = [req.url, req.baseUrl, req.originalUrl];
        res.end();
      });
      await get(app, { target, scriptName: '/app' });
      expect(seen).toEqual([url, baseUrl, originalUrl]);
    });

    it('streams its body with backpressure', async () => {
      const size = 1024 * 1024;
      let paused = 0;
      const app = make(async (req, res) => {
        const chunks: Buffer[] = [];
        for await (const chunk of req) {
          chunks.push(chunk as Buffer);
          paused = Math.max(paused, req.readableLength);
          await tick();
        }
        res.end(`${Buffer.concat(chunks).length} ${req.complete} ${req.readableEnded}`);
      });
      const response = await get(app, { method: 'POST', body: Buffer.alloc(size, 'x') });
      expect(response.text).toBe(`${size} true true`);
      expect(paused).toBeLessThan(256 * 1024);
    });

    it.each([
      [
        'events',
        (req: IncomingMessage, add: (chunk: Buffer) => void) => {
          req.on('data', add);
          return once(req, 'end');
        },
      ],
      [
        'read()',
        (req: IncomingMessage, add: (chunk: Buffer) => void) => {
          req.on('readable', () => {
            for (let chunk; (chunk = req.read() as Buffer | null) !== null;) add(chunk);
          });
          return once(req, 'end');
        },
      ],
      [
        'a pipe',
        (req: IncomingMessage, add: (chunk: Buffer) => void) => {
          return pipeline(req, new PassThrough().on('data', add));
        },
      ],
    ])('is read with %s', async (_, read) => {
      let size = 0;
      const app = make(async (req, res) => {
        await read(req, (chunk) => (size += chunk.length));
        res.end(String(size));
      });
      const one = visit(app, { method: 'POST', headers: [['Content-Length', '200007']] });
      for (const part of [1, 6, 100_000, 100_000]) {
        one.stdin.write(Buffer.alloc(part));
        await tick();
      }
      expect((await one.read()).text).toBe('200007');
    });

    it('may be read after the response has been given', async () => {
      const stored: Buffer[] = [];
      const app = make((req, res) => {
        req.on('data', (chunk: Buffer) => {
          stored.push(chunk);
          req.pause();
          setImmediate(() => req.resume());
        });
        res.end('thank you');
      });
      const response = await get(app, { method: 'POST', body: Buffer.alloc(300_000, 'x') });
      expect(response.text).toBe('thank you');
      expect(Buffer.concat(stored).length).toBe(300_000);
    });

    it('may come in slowly after the response has been given', async () => {
      let size = 0;
      const app = make((req, res) => {
        req.on('data', (chunk: Buffer) => (size += chunk.length));
        res.end('thank you');
      });
      const one = visit(app, { method: 'POST', headers: [['Content-Length', '8']] });
      for (let i = 0; i < 8; i++) {
        one.stdin.write('x');
        await sleep(100);
      }
      expect((await one.read()).text).toBe('thank you');
      await one.done;
      expect(size).toBe(8);
    });

    it('may be read slowly after the response has been given', async () => {
      let size = 0;
      const app = make((req, res) => {
        req.on('data', (chunk: Buffer) => {
          size += chunk.length;
          req.pause();
          setTimeout(() => req.resume(), 1_100);
        });
        res.end('thank you');
      });
      const response = await get(app, { method: 'POST', body: Buffer.alloc(200_000, 'x') });
      expect(response.text).toBe('thank you');
      expect(size).toBe(200_000);
    });

    it.each<[string, RequestListener]>([
      ['that does not go on', (req) => void req.resume()],
      ['that is not read any more', (req) => void req.on('data', () => {}).pause()],
    ])('does not hold up the end of its response: an upload %s', async (_, read) => {
      const events: string[] = [];
      const app = make((req, res) => {
        record(events, req, 'req');
        record(events, res, 'res');
        read(req, res);
        res.write('thank ');
        res.end('you');
      });
      const one = visit(app, { method: 'POST', headers: [['Content-Length', '6']] });
      one.stdin.write('abc');
      const response = await one.read();
      expect([response.text, response.complete]).toEqual(['thank you', true]);
      await one.done;
      await until(() => events.includes('req close'));
      expect(events.filter((name) => name.startsWith('req'))).toEqual([
        'req aborted',
        'req error',
        'req close',
      ]);
      expect(one.errors).toBe('');
      expect(events).toContain('res finish');
    });

    it('is aborted when its body ends short', async () => {
      const events: string[] = [];
      const app = make((req) => {
        record(events, req, 'req');
        req.resume();
      });
      const one = visit(app, { method: 'POST', headers: [['Content-Length', '6']] });
      one.stdin.end('abc');
      expect((await one.read()).status).toBe(500);
      await one.done;
      await ticks(3);
      expect(events).toEqual(['req aborted', 'req error', 'req close']);
    });
  });

  describe('the response', () => {
    it.each<[string, RequestListener, number, string, object]>([
      [
        'status and reason',
        (_, res) => void res.writeHead(404, 'Gone Away').end('x'),
        404,
        'Gone Away',
        {},
      ],
      [
        'headers as an object',
        (_, res) => void res.writeHead(201, { 'X-A': '1', 'X-B': ['2', '3'] }).end('x'),
        201,
        'Created',
        { 'x-a': '1', 'x-b': '2, 3' },
      ],
      [
        'headers as pairs in a row',
        (_, res) => void res.writeHead(200, ['X-A', '1', 'X-A', '2']).end('x'),
        200,
        'OK',
        { 'x-a': '1, 2' },
      ],
      [
        'headers set before',
        (_, res) => void res.setHeader('X-A', 1).writeHead(202, 'Yes', { 'X-B': '2' }).end('x'),
        202,
        'Yes',
        { 'x-a': '1', 'x-b': '2' },
      ],
      ['nothing but a body', (_, res) => void res.end('x'), 200, 'OK', {}],
      ['a code without a reason', (_, res) => void res.writeHead(799).end('x'), 799, 'unknown', {}],
      [
        'an empty reason',
        (_, res) => {
          res.statusMessage = '';
          res.statusCode = 404;
          res.end('x');
        },
        404,
        'Not Found',
        {},
      ],
    ])('writeHead with %s', async (_, listener, status, reason, headers) => {
      const response = await get(make(listener));
      expect([response.status, response.reason, response.text]).toEqual([status, reason, 'x']);
      for (const [name, value] of Object.entries(headers))
        expect(response.header(name)).toBe(value);
    });

    it('leaves headers of the connection to the gateway', async () => {
      const app = make((_, res) => {
        res.setHeader('Connection', 'close');
        res.setHeader('Keep-Alive', 'timeout=5');
        res.setHeader('Transfer-Encoding', 'chunked');
        res.setHeader('Trailer', 'X-Sum');
        res.setHeader('Status', '200 OK');
        res.setHeader('X-A', '1');
        res.write('Ω and ');
        setImmediate(() => {
          res.write(Buffer.from('binary\r\n'));
          res.addTrailers({ 'X-Sum': 'abc' });
          res.end('end');
        });
      });
      const response = await get(app);
      expect(response.headers.map(([name]) => name)).toEqual(['x-a', 'date']);
      expect(response.text).toBe('Ω and binary\r\nend');
    });

    it('skips what no gateway can send ahead of it', async () => {
      const app = make((_, res) => {
        res.writeContinue();
        res.writeProcessing();
        res.writeEarlyHints({ link: '</a.css>; rel=preload' }, () => res.end('x'));
      });
      const response = await get(app);
      expect(response).toMatchObject({ status: 200, text: 'x' });
      expect(response.header('link')).toBe(undefined);
    });

    it.each([
      ['in one piece', (res: ServerResponse) => void res.end('hello'), '5'],
      [
        'in two',
        (res: ServerResponse) => {
          res.write('hel');
          res.end('lo');
        },
        undefined,
      ],
      ['empty', (res: ServerResponse) => void res.end(), '0'],
    ])('later and %s has the Content-Length %s', async (_, answer, length) => {
      const app = make((__, res) => void setImmediate(() => answer(res)));
      expect((await get(app)).header('content-length')).toBe(length);
    });

    it.each(['HEAD', 'GET'])('%s with status 304 or to HEAD has no body', async (method) => {
      const app = make((req, res) => {
        if (req.method === 'GET') res.statusCode = 304;
        res.setHeader('Content-Length', '5');
        res.write('hel');
        res.end('lo');
      });
      const response = await get(app, { method });
      expect(response.text).toBe('');
      expect(response.header('content-length')).toBe('5');
    });

    it('sends its headers when they are flushed', async () => {
      let end!: () => void;
      const app = make((_, res) => {
        res.setHeader('X-A', '1');
        res.flushHeaders();
        end = () => void res.end('x');
      });
      const one = visit(app);
      const head = await one.read(0);
      expect(head.header('x-a')).toBe('1');
      end();
      expect((await one.read()).text).toBe('x');
    });

    it('keeps bytes of headers as Node would send them', async () => {
      const app = make(
        (_, res) => void res.writeHead(200, { 'X-A': 'caf\xe9' }).end(Buffer.from('x')),
      );
      expect((await get(app)).header('x-a')).toBe('caf\xe9');
    });

    it('can be wrapped and have its prototype replaced', async () => {
      const proto = Object.create(
        Object.getPrototypeOf((await makePair()).res) as object,
      ) as object;
      const app = make((req, res) => {
        Object.setPrototypeOf(res, proto);
        Object.setPrototypeOf(req, Object.create(Object.getPrototypeOf(req) as object) as object);
        const { write, end } = res;
        res.write = ((chunk: string) => write.call(res, chunk.toUpperCase(), 'utf8')) as never;
        res.end = ((chunk: string) => end.call(res, chunk.toUpperCase(), 'utf8')) as never;
        res.write('hello ');
        res.end('world');
      });
      expect((await get(app)).text).toBe('HELLO WORLD');
    });

    it('has drain, finish and close, each at its time and once', async () => {
      const events: string[] = [];
      const chunk = Buffer.alloc(64 * 1024);
      let count = 0;
      const app = make((req, res) => {
        record(events, req, 'req');
        record(events, res, 'res');
        const fill = (): void => {
          while (count < 8) {
            count++;
            if (!res.write(chunk)) {
              expect(res.writableNeedDrain).toBe(true);
              res.once('drain', fill);
              return;
            }
          }
          expect(res.writableNeedDrain).toBe(false);
          res.end();
        };
        setImmediate(fill);
      });
      const response = await get(app);
      await ticks(3);
      expect(response.body.length).toBe(8 * chunk.length);
      expect(events).toContain('res drain');
      // Which of the two emitters comes first differs between versions of Node.
      const of = (label: string): string[] =>
        events.filter((name) => name.startsWith(label) && !name.endsWith('drain'));
      expect(of('res')).toEqual(['res finish', 'res close']);
      expect(of('req')).toEqual(['req end', 'req close']);
    });

    it('waits for a client that does not read', async () => {
      let written = 0;
      const app = make((_, res) => {
        void pipeline(
          Readable.from(
            (function* () {
              for (; written < 1000; written++) yield Buffer.alloc(64 * 1024);
            })(),
          ),
          res,
        ).catch(() => {});
      });
      const one = visit(app);
      await one.read(64 * 1024);
      await ticks(100);
      expect(written).toBeLessThan(16);
      await one.leave();
      await one.done;
    });

    it.each([
      ['at once', (end: () => void) => end()],
      ['later', (end: () => void) => void setImmediate(end)],
    ])('given %s, has finished when the client has taken it', async (_, when) => {
      const names: string[] = [];
      const app = make((_req, res) => {
        record(names, res, 'res');
        when(() => res.end('x'.repeat(1024 * 1024)));
      });
      const one = visit(app);
      await ticks(10);
      expect(names).toEqual([]);
      expect((await one.read()).body).toHaveLength(1024 * 1024);
      await one.done;
      await ticks(2);
      expect(names).toEqual(['res finish', 'res close']);
    });

    it('and has not when the client leaves before', async () => {
      const names: string[] = [];
      const app = make((_req, res) => {
        record(names, res, 'res');
        res.end('x'.repeat(1024 * 1024));
      });
      const one = visit(app);
      await ticks(10);
      await one.leave();
      await one.done;
      await ticks(2);
      expect(names).toEqual(['res close']);
    });

    it('can be piped into after it was full', async () => {
      const app = make(async (_, res) => {
        const big = Buffer.alloc(256 * 1024);
        if (!res.write(big)) await once(res, 'drain');
        // pipe() pauses its source at once if the destination still says that it needs to drain.
        Readable.from([big, big]).pipe(res);
      });
      expect((await get(app)).body.length).toBe(3 * 256 * 1024);
    });

    it('can be given to pipeline with a stream that fails', async () => {
      const app = make((_, res) => {
        const source = new PassThrough();
        source.write('begun');
        pipeline(source, res).catch(() => {});
        setTimeout(() => source.destroy(new Error('disk on fire')), 10);
      });
      const one = visit(app);
      await one.read(5);
      expect(await one.read()).toMatchObject({ text: 'begun', complete: false });
      await one.done;
      expect(one.errors).toContain('disk on fire');
    });
  });

  /** A request and a response, as a listener gets them. */
  async function makePair(): Promise<{ req: IncomingMessage; res: ServerResponse }> {
    let pair: { req: IncomingMessage; res: ServerResponse } | undefined;
    await get(
      make((req, res) => {
        pair = { req, res };
        res.end();
      }),
    );
    return pair!;
  }

  describe('a client that leaves', () => {
    it('ends request and response as under node:http', async () => {
      const events: string[] = [];
      let res: ServerResponse | undefined;
      const app = make((req, response) => {
        res = response;
        record(events, req, 'req');
        record(events, response, 'res');
        response.write('begun');
      });
      const one = visit(app);
      await one.read(5);
      await one.leave();
      await one.done;
      await ticks(5);
      expect(events.toSorted()).toEqual(['req aborted', 'req close', 'req error', 'res close']);
      expect(res!.destroyed).toBe(true);
      expect(res!.writableFinished).toBe(false);
      res!.write('into the void');
      res!.end();
      await ticks(5);
      expect(events.length).toBe(4);
      expect(one.errors).toBe('');
    });

    it('ends what is piped into the response', async () => {
      const source = new Readable({
        read() {
          this.push(Buffer.alloc(64 * 1024));
        },
      });
      const app = make((_, res) => void pipeline(source, res).catch(() => {}));
      const one = visit(app);
      await one.read(64 * 1024);
      await one.leave();
      await one.done;
      await until(() => source.destroyed);
    });

    it('ends a wait before anything was sent', async () => {
      const closed: string[] = [];
      const app = make((_, res) => void res.on('close', () => closed.push('close')));
      const one = visit(app);
      await tick();
      await one.leave();
      await one.done;
      await until(() => closed.length === 1);
    });

    it('ends an upload', async () => {
      const events: string[] = [];
      const app = make((req) => {
        record(events, req, 'req');
        req.resume();
      });
      const one = visit(app, { method: 'POST', headers: [['Content-Length', '6']] });
      one.stdin.write('abc');
      await tick();
      await one.leave();
      await one.done;
      await ticks(3);
      expect(events.toSorted()).toEqual(['req aborted', 'req close', 'req error']);
    });
  });

  describe('errors', () => {
    it.each<[string, RequestListener]>([
      [
        'thrown',
        () => {
          throw new Error('no answer');
        },
      ],
      [
        'thrown that cannot be looked at',
        () => {
          const { proxy, revoke } = Proxy.revocable(new Error('no answer'), {});
          revoke();
          throw proxy;
        },
      ],
      [
        'thrown after a write',
        (_, res) => {
          res.write('half');
          throw new Error('no answer');
        },
      ],
      [
        'thrown by an async listener',
        async () => {
          await tick();
          throw new Error('no answer');
        },
      ],
      ['given to res.destroy', (_, res) => void res.destroy(new Error('no answer'))],
      ['given to req.destroy', (req) => void req.destroy(new Error('no answer'))],
      [
        'given to socket.destroy later',
        (req) => void setImmediate(() => req.socket.destroy(new Error('no answer'))),
      ],
    ])('%s: 500, and the error in the log', async (_, listener) => {
      const one = visit(make(listener));
      const response = await one.read();
      await one.done;
      expect(response.status).toBe(500);
      expect(response.text).not.toContain('no answer');
      expect(one.errors).toMatch(/no answer|<Revoked Proxy>/);
    });

    it('after the headers: a broken response', async () => {
      const app = make((_, res) => {
        res.write('begun');
        setTimeout(() => res.destroy(), 10);
      });
      const one = visit(app);
      await one.read(5);
      expect((await one.read()).complete).toBe(false);
      await one.done;
      expect(one.errors).toContain('destroyed its response');
    });

    it('a body shorter than its Content-Length: a broken response', async () => {
      const app = make((_, res) => {
        res.setHeader('Content-Length', '10');
        res.write('begun');
        setImmediate(() => res.end());
      });
      const one = visit(app);
      expect((await one.read()).complete).toBe(false);
      await one.done;
      expect(one.errors).toContain('5 bytes before its Content-Length');
    });

    it('a body longer than its Content-Length: the excess is dropped', async () => {
      const app = make((_, res) => {
        res.setHeader('Content-Length', '5');
        setImmediate(() => res.end('hello world'));
      });
      const one = visit(app);
      expect(await one.read()).toMatchObject({ text: 'hello', complete: true });
      await one.done;
      expect(one.errors).toContain('the excess was dropped');
    });

    it('an application that was taken for a listener says so', async () => {
      const app = make((() => [Buffer.from('x')]) as never);
      const one = visit(app);
      expect((await one.read()).status).toBe(500);
      expect(one.errors).toContain('--interface wsgi');
    });
  });

  describe('timeouts', () => {
    it('set on the request are emitted there, as long as its body has not come', async () => {
      const events: string[] = [];
      const app = make((req, res) => {
        record(events, req, 'req');
        req.setTimeout(5, () => res.end('too late'));
      });
      const one = visit(app, { method: 'POST', headers: [['Content-Length', '6']] });
      expect((await one.read()).text).toBe('too late');
      expect(events[0]).toBe('req timeout');
    });

    it('that nobody handles destroy the connection', async () => {
      const one = visit(make((req) => void req.socket.setTimeout(5)));
      expect((await one.read()).status).toBe(500);
      await one.done;
    });
  });
});
