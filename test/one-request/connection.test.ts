import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, test, vi } from 'vitest';

import type { Environ, StartResponse } from '../../src/types.ts';
import { FrontEnd } from './client.ts';
import {
  PROTOCOLS,
  controlTime,
  digest,
  echo,
  endlessBody,
  hello,
  pattern,
  serve,
  until,
  untilUnchanged,
} from './kit.ts';

const MIB = 1024 * 1024;

afterEach(() => void vi.useRealTimers());

describe.each(PROTOCOLS)('$name', (protocol) => {
  const { statusLine } = protocol;

  describe('a request', () => {
    test('is answered as the protocol has it, and the connection closed', async () => {
      const gateway = await serve(protocol, hello);
      expect(await gateway.request()).toEqual({
        head: `${statusLine('200 OK')}\r\nContent-Type: text/plain\r\nContent-Length: 5`,
        body: Buffer.from('hello'),
        ending: 'closed',
      });
    });

    test('arrives in pieces of every size', async () => {
      const gateway = await serve(protocol, echo);
      const bytes = gateway.encode({ QUERY_STRING: 'x' }, 'body');
      for (const size of [1, 2, 3, 7, 50]) {
        const frontEnd = await gateway.connect();
        for (let at = 0; at < bytes.length; at += size) {
          frontEnd.send(bytes.subarray(at, at + size));
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect(String((await frontEnd.reply()).body)).toBe('body');
      }
    });

    test('has the variables that were sent, repaired as on every gateway', async () => {
      let seen: Environ | undefined;
      const gateway = await serve(protocol, (environ, startResponse) => {
        seen = environ;
        return hello(environ, startResponse);
      });
      await gateway.request({
        SCRIPT_NAME: '/',
        PATH_INFO: '/caf\xc3\xa9\n',
        HTTP_X: '1',
        HTTP_PROXY: 'http://evil',
        EMPTY: '',
      });
      expect(seen!.SCRIPT_NAME).toBe('');
      expect(seen!.PATH_INFO).toBe('/caf\xc3\xa9\n');
      expect(seen!.HTTP_X).toBe('1');
      expect(seen!['postern.gateway']).toBe(protocol.name);
      expect('HTTP_PROXY' in seen!).toBe(false);
      expect('EMPTY' in seen!).toBe(false);
    });

    test('that cannot be answered by the application is answered by the gateway', async () => {
      const application = vi.fn(hello);
      const gateway = await serve(protocol, application);
      const { head, ending } = await gateway.request({ CONTENT_LENGTH: '1x' });
      expect(head).toMatch(statusLine('400 Bad Request'));
      expect(ending).toBe('closed');
      expect(application).not.toHaveBeenCalled();
      expect(gateway.log).toEqual([`${protocol.name}: 400: CONTENT_LENGTH "1x"`]);
    });

    test('carries the mount that the options name', async () => {
      let seen: Environ | undefined;
      const gateway = await serve(
        protocol,
        (environ, startResponse) => hello((seen = environ), startResponse),
        { scriptName: '/app' },
      );
      await gateway.request({ SCRIPT_NAME: '/app/x', PATH_INFO: '' });
      expect([seen!.SCRIPT_NAME, seen!.PATH_INFO]).toEqual(['/app', '/x']);
    });

    test('bytes behind its end are no second request', async () => {
      const application = vi.fn(echo);
      const gateway = await serve(protocol, application);
      const frontEnd = await gateway.connect();
      const bytes = gateway.encode({}, 'body');
      frontEnd.send(Buffer.concat([bytes, bytes]));
      expect(String((await frontEnd.reply()).body)).toBe('body');
      expect(application).toHaveBeenCalledTimes(1);
    });
  });

  describe('bodies', () => {
    test('32 MiB both ways, byte for byte', async () => {
      const gateway = await serve(protocol, echo);
      const body = pattern(32 * MIB);
      const reply = await gateway.request({ REQUEST_METHOD: 'POST' }, body);
      expect(digest(reply.body)).toBe(digest(body));
      expect(reply.head).toContain(`Content-Length: ${32 * MIB}`);
      expect(reply.ending).toBe('closed');
    });

    test('32 MiB streamed both ways, byte for byte', async () => {
      const gateway = await serve(protocol, async (environ, startResponse) => {
        startResponse('200 OK', []);
        return environ['wsgi.input'];
      });
      const body = pattern(32 * MIB);
      const reply = await gateway.request({ REQUEST_METHOD: 'POST' }, body);
      expect(digest(reply.body)).toBe(digest(body));
    });

    test('a body that looks like a request or a response of this protocol arrives untouched', async () => {
      const gateway = await serve(protocol, echo);
      const body = Buffer.concat([
        gateway.encode({}, 'x'),
        Buffer.from(`${statusLine('500 Oh')}\r\n\r\n`),
        Buffer.from([0, 0, 0, 0]),
      ]);
      expect((await gateway.request({}, body)).body).toEqual(body);
    });

    test('a download of 200 MB that nobody reads is not made', async () => {
      let made = 0;
      const gateway = await serve(protocol, (_environ, startResponse) => {
        startResponse('200 OK', [['Content-Length', '200000000']]);
        return (function* () {
          for (; made < 200_000_000; made += 50_000) yield Buffer.alloc(50_000);
        })();
      });
      const frontEnd = await gateway.open();
      await untilUnchanged(() => made);
      expect(made).toBeGreaterThan(0);
      expect(made).toBeLessThan(16 * MIB);
      frontEnd.leave();
    });

    test('an upload of 200 MB that nobody reads is taken as far as the spool may hold it', async () => {
      const gateway = await serve(protocol, never, { maxSpoolSize: MIB });
      const frontEnd = await gateway.open({ CONTENT_LENGTH: '200000000' });
      const sent = send(frontEnd, 200_000_000);
      await untilUnchanged(sent);
      expect(sent()).toBeGreaterThan(0);
      expect(sent()).toBeLessThan(16 * MIB);
      frontEnd.leave();
    });

    test('an answer before an upload of 200 MB arrives, and the upload is thrown away', async () => {
      const gateway = await serve(protocol, hello);
      const frontEnd = await gateway.open({ CONTENT_LENGTH: '200000000' });
      const sent = send(frontEnd, 200_000_000);
      await until(() => sent() === 200_000_000); // some front ends send all of it before they look for an answer
      const step = await frontEnd.output.next();
      expect(String(step.value)).toMatch(/hello$/);
      frontEnd.leave();
    });

    test('an upload that the application does not read is read to its end', async () => {
      const gateway = await serve(protocol, hello);
      const frontEnd = await gateway.open({ CONTENT_LENGTH: '500000' });
      const sent = send(frontEnd, 500_000);
      await until(() => sent() === 500_000);
      const reply = await frontEnd.reply();
      expect(String(reply.body)).toBe('hello');
      expect(reply.ending).toBe('closed');
    });
  });

  describe('the client leaves', () => {
    test('while the application waits: it is told, its body closed, nothing logged', async () => {
      const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
      let called = 0;
      let aborted = 0;
      let closed = 0;
      const gateway = await serve(protocol, async (environ, startResponse) => {
        called++;
        startResponse('200 OK', []);
        const signal = environ['postern.signal'];
        signal.addEventListener('abort', () => void aborted++);
        return {
          async *[Symbol.asyncIterator]() {
            await once(signal, 'abort');
            yield Buffer.from('nobody gets this');
          },
          close: () => void closed++,
        };
      });
      for (const [i, leave] of [end, destroy, reset].entries()) {
        const frontEnd = await gateway.open();
        await until(() => called === i + 1);
        leave(frontEnd);
        await until(() => aborted === i + 1 && closed === i + 1);
      }
      expect(gateway.log).toEqual([]);
      expect(stderr).not.toHaveBeenCalled();
    });

    test('while the application reads: the read fails', async () => {
      const errors: unknown[] = [];
      let begun = 0;
      const gateway = await serve(protocol, async (environ) => {
        begun++;
        await environ['wsgi.input'].read().catch((error: unknown) => errors.push(error));
        return environ['wsgi.input'];
      });
      const frontEnd = await gateway.open({ CONTENT_LENGTH: '10' }, 'short');
      end(frontEnd);
      expect((await frontEnd.reply()).head).toBe('');
      const other = await gateway.open({ CONTENT_LENGTH: '10' }, 'short');
      await until(() => begun === 2);
      reset(other);
      await until(() => errors.length === 2);
      expect(errors).toMatchObject([
        { code: 'ERR_POSTERN_INPUT_SHORT' },
        { code: 'ERR_POSTERN_DISCONNECT' },
      ]);
      expect(gateway.log).toEqual([]);
    });

    test('in the middle of an endless response: the body is ended', async () => {
      let ended = 0;
      const gateway = await serve(protocol, (_environ, startResponse) => {
        startResponse('200 OK', []);
        return endlessBody(() => ended++);
      });
      for (const [i, leave] of [destroy, reset].entries()) {
        const frontEnd = await gateway.open();
        await frontEnd.output.next();
        leave(frontEnd);
        await until(() => ended === i + 1);
      }
      expect(gateway.log).toEqual([]);
    });

    test('at any place of the request: the next one is served, and nothing is left', async () => {
      const gateway = await serve(protocol, echo);
      const bytes = gateway.encode({}, 'body');
      for (let at = 0; at < bytes.length; at++) {
        for (const leave of [end, reset]) {
          const frontEnd = await gateway.connect();
          frontEnd.send(bytes.subarray(0, at));
          await new Promise((resolve) => setImmediate(resolve));
          leave(frontEnd);
        }
      }
      expect(String((await gateway.request({}, 'body')).body)).toBe('body');
      await gateway.server.close(); // would wait for connections that are left
      // Within the variables, that is worth a line; a connection on which nothing came is not.
      const expected = /: the connection was closed within the variables$/;
      expect(gateway.log.filter((line) => !expected.test(line))).toEqual([]);
      expect(gateway.log.length).toBeGreaterThan(0);
    });
  });

  describe('a response that breaks', () => {
    test('ends in a reset over TCP', async () => {
      const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
      const gateway = await serve(protocol, broken);
      const reply = await gateway.request();
      expect(reply.ending).toBe('reset');
      expect(String(reply.body)).toMatch(/^(begun)?$/);
      expect(stderr.mock.calls.map(String).join('')).toContain('broken on purpose');
    });

    test('takes the rest of what it has sent with it, not its neighbours', async () => {
      vi.spyOn(process.stderr, 'write').mockReturnValue(true);
      const gateway = await serve(protocol, broken);
      const replies = await Promise.all(Array.from({ length: 20 }, () => gateway.request()));
      expect(replies.map((reply) => reply.ending)).toEqual(replies.map(() => 'reset'));
    });
  });

  describe('time limits', () => {
    test('variables that do not come, or drip', async () => {
      const second = controlTime();
      const gateway = await serve(protocol, hello, { variablesTimeout: 3000 });
      const silent = await gateway.connect();
      const slow = await gateway.connect();
      const bytes = gateway.encode({});
      let sent = 0;
      await until(() => {
        if (sent < bytes.length - 1) slow.send(bytes.subarray(sent, ++sent));
        second();
        return gateway.log.length === 2;
      });
      expect((await silent.reply()).head).toBe('');
      expect((await slow.reply()).head).toBe('');
      for (const line of gateway.log) {
        expect(line).toMatch(/^\w+: 127\.0\.0\.1:\d+: .* took longer than variablesTimeout$/);
      }
    });

    test('a body that stalls: 408, where the application lets the error pass', async () => {
      const second = controlTime();
      let received = 0;
      const gateway = await serve(
        protocol,
        async (environ, startResponse) => {
          for await (const chunk of environ['wsgi.input']) received += chunk.length;
          return hello(environ, startResponse);
        },
        { bodyTimeout: 3000 },
      );
      const frontEnd = await gateway.open({ CONTENT_LENGTH: '100' });
      for (let sent = 1; sent <= 10; sent++) {
        frontEnd.send(Buffer.from('x'));
        await until(() => received === sent);
        second(); // with progress, not even ten seconds are too many
      }
      expect(gateway.log).toEqual([]);
      await until(() => {
        second();
        return gateway.log.length > 0;
      });
      const { head, ending } = await frontEnd.reply();
      expect(head).toMatch(statusLine('408 Request Timeout'));
      expect(ending).toBe('closed');
      expect(gateway.log).toEqual([`${protocol.name}: 408: the body stalled for bodyTimeout`]);
    });

    test('a body that the application does not wait for may stall', async () => {
      const second = controlTime();
      let go: (() => void) | undefined;
      const gateway = await serve(
        protocol,
        async (environ, startResponse) => {
          await new Promise<void>((resolve) => (go = resolve));
          return hello(environ, startResponse);
        },
        { bodyTimeout: 1000 },
      );
      const frontEnd = await gateway.open({ CONTENT_LENGTH: '10' }, 'short');
      await until(() => go !== undefined);
      for (let i = 0; i < 60; i++) second();
      go!();
      expect(String((await frontEnd.reply()).body)).toBe('hello');
    });

    test('no response: 503, and the application is told', async () => {
      const second = controlTime();
      let told = false;
      const gateway = await serve(
        protocol,
        async (environ) => {
          await once(environ['postern.signal'], 'abort');
          told = true;
          return [];
        },
        { responseTimeout: 3000 },
      );
      const frontEnd = await gateway.open();
      await until(() => {
        second();
        return told;
      });
      const { head, ending } = await frontEnd.reply();
      expect(head).toMatch(statusLine('503 Service Unavailable'));
      expect(ending).toBe('closed');
      expect(gateway.log).toEqual([`${protocol.name}: 503: no response within responseTimeout`]);
    });

    test('a response that has begun may take its time', async () => {
      const second = controlTime();
      let go: (() => void) | undefined;
      const gateway = await serve(
        protocol,
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
      const frontEnd = await gateway.open();
      await until(() => go !== undefined);
      for (let i = 0; i < 60; i++) second();
      go!();
      expect(String((await frontEnd.reply()).body)).toBe('ab');
    });

    test('a response that nobody takes: the connection is reset', async () => {
      let ended = false;
      const gateway = await serve(
        protocol,
        (_environ, startResponse) => {
          startResponse('200 OK', []);
          return endlessBody(() => (ended = true));
        },
        { sendTimeout: 300 },
      );
      const frontEnd = await gateway.open();
      await until(() => ended);
      expect(gateway.log).toHaveLength(1);
      expect(gateway.log[0]).toMatch(/: nothing was read for sendTimeout$/);
      expect((await frontEnd.reply()).ending).toBe('reset');
    });

    test('a peer that does not close after the response', async () => {
      const second = controlTime();
      const gateway = await serve(protocol, hello, { closeTimeout: 2000 });
      const frontEnd = await gateway.open({ CONTENT_LENGTH: '10' }, 'short');
      expect(String((await frontEnd.output.next()).value)).toMatch(/hello$/);
      expect(gateway.connections).toBe(1);
      await until(() => {
        second();
        return gateway.connections === 0;
      });
      expect(gateway.log).toEqual([]);
      frontEnd.leave();
    });
  });

  test('a peer that has taken all of a response is not said to take nothing', async () => {
    const gateway = await serve(
      protocol,
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return [Buffer.alloc(8 * MIB)];
      },
      { sendTimeout: 300, closeTimeout: 0 },
    );
    const { port } = gateway.server.address() as AddressInfo;
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.write(gateway.encode({ CONTENT_LENGTH: '10' }, 'short'));
    await once(socket.resume(), 'end');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(gateway.log).toEqual([]);
    expect(gateway.connections).toBe(1); // it waits for the rest of the body
    socket.destroy();
  });

  describe('a graceful stop', () => {
    test('lets what is in flight finish, and takes nothing new', async () => {
      let go!: () => void;
      const gateway = await serve(protocol, async (environ, startResponse) => {
        await new Promise<void>((resolve) => (go = resolve));
        return echo(environ, startResponse);
      });
      const frontEnd = await gateway.open({}, 'body');
      await until(() => go !== undefined);
      const address = gateway.server.address();
      const closed = gateway.server.close();
      await expect(FrontEnd.connect(address)).rejects.toThrow(/ECONNREFUSED/);
      go();
      expect(String((await frontEnd.reply()).body)).toBe('body');
      await closed;
    });

    test('also finishes a request of which the variables are on their way', async () => {
      const gateway = await serve(protocol, echo);
      const begun = await gateway.connect();
      const silent = await gateway.connect(); // has connected, and is about to send
      const bytes = gateway.encode({}, 'body');
      begun.send(bytes.subarray(0, 10));
      await until(() => gateway.connections === 2);
      const closed = gateway.server.close();
      begun.send(bytes.subarray(10));
      silent.send(bytes);
      expect(String((await begun.reply()).body)).toBe('body');
      expect(String((await silent.reply()).body)).toBe('body');
      await closed;
    });

    test('does not wait for a connection on which nothing comes', async () => {
      const gateway = await serve(protocol, hello);
      const silent = await gateway.connect();
      await until(() => gateway.connections === 1);
      await gateway.server.close({ timeout: 60_000 });
      expect((await silent.reply()).head).toBe('');
      expect(gateway.log).toEqual([]);
    });

    test('cuts off what takes too long, so that it does not look complete', async () => {
      let aborted = false;
      const gateway = await serve(protocol, (environ, startResponse) => {
        startResponse('200 OK', []);
        return (async function* () {
          yield Buffer.from('begun');
          await once(environ['postern.signal'], 'abort');
          aborted = true;
        })();
      });
      const frontEnd = await gateway.open();
      await frontEnd.output.next();
      await gateway.server.close({ timeout: 50 });
      await until(() => aborted);
      expect(await frontEnd.ending).toBe('reset');
    });
  });

  test('the application is answered in the turn in which the request comes', async () => {
    const turns: string[] = [];
    const gateway = await serve(
      protocol,
      (environ, startResponse) => {
        turns.push('called');
        queueMicrotask(() => turns.push('microtask'));
        return hello(environ, startResponse);
      },
      {
        accessLog: ({ status }) => void turns.push(status),
      },
    );
    await gateway.request();
    expect(turns).toEqual(['called', '200 OK', 'microtask']);
  });
});

function broken(_environ: Environ, startResponse: StartResponse): Iterable<Buffer> {
  startResponse('200 OK', []);
  return (function* () {
    yield Buffer.from('begun');
    throw new Error('broken on purpose');
  })();
}

test('one large chunk that is taken slowly makes progress all the same', async () => {
  const sendTimeout = 2000;
  const gateway = await serve(
    PROTOCOLS[0]!,
    (_environ, startResponse) => {
      startResponse('200 OK', []);
      return [Buffer.alloc(16 * MIB)];
    },
    { sendTimeout },
  );
  const { output } = await gateway.open();
  const begin = Date.now();
  let length = 0;
  for (let step = await output.next(); !step.done; step = await output.next()) {
    length += step.value.length;
    // Most of it in a good deal more time than sendTimeout.
    const isSlow = length < 12 * MIB && Date.now() - begin < 2 * sendTimeout;
    if (isSlow) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(length).toBeGreaterThan(16 * MIB);
  expect(gateway.log).toEqual([]);
});

async function never(): Promise<never> {
  return new Promise(() => {});
}

function end(frontEnd: FrontEnd): void {
  frontEnd.socket.end();
}

function destroy(frontEnd: FrontEnd): void {
  frontEnd.socket.destroy();
}

function reset(frontEnd: FrontEnd): void {
  frontEnd.socket.resetAndDestroy();
}

/** Sends as fast as it is taken. @returns how much that was so far */
function send(frontEnd: FrontEnd, size: number): () => number {
  const { socket } = frontEnd;
  const chunk = Buffer.alloc(50_000);
  let sent = 0;
  let given = 0;
  const more = (): void => {
    while (given < size) {
      given += chunk.length;
      if (!socket.write(chunk, () => (sent += chunk.length))) return;
    }
  };
  socket.on('drain', more);
  more();
  return () => sent;
}
