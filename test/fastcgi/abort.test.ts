/** ABORT_REQUEST (FastCGI 1.0 § 5.4). */

import { once } from 'node:events';

import { describe, expect, test, vi } from 'vitest';

import { echo, hello, serve, until } from './kit.ts';
import {
  STATUS,
  TYPE,
  encodeAbort,
  encodeBegin,
  encodeParams,
  encodeRecord,
  encodeRequest,
  encodeStream,
} from './peer.ts';

const NONE = Buffer.alloc(0);

describe('ABORT_REQUEST', () => {
  test('the application is told, the body closed, END_REQUEST sent once', async () => {
    let aborted = 0;
    let closed = 0;
    const gateway = await serve(async (environ, startResponse) => {
      startResponse('200 OK', []);
      environ['postern.signal'].addEventListener('abort', () => void aborted++);
      return {
        async *[Symbol.asyncIterator]() {
          yield Buffer.from('begun');
          await once(environ['postern.signal'], 'abort');
          yield Buffer.from('nobody gets this');
        },
        close: () => void closed++,
      };
    });
    const peer = await gateway.connect();
    peer.send(encodeRequest());
    while (!peer.answer().text.includes('begun')) await peer.next();
    peer.send(encodeAbort(), encodeAbort());
    const answer = await peer.reply();
    expect(answer.text).toBe('begun');
    expect(answer.end!.protocolStatus).toBe(STATUS.REQUEST_COMPLETE);
    await until(() => aborted === 1 && closed === 1);
    expect(gateway.log).toEqual([]);
    peer.leave();
  });

  test('while PARAMS are on their way', async () => {
    const application = vi.fn(hello);
    const gateway = await serve(application);
    const peer = await gateway.connect();
    peer.send(encodeBegin({}), encodeParams({}).subarray(0, -8), encodeAbort());
    expect((await peer.reply()).end!.protocolStatus).toBe(STATUS.REQUEST_COMPLETE);
    expect(application).not.toHaveBeenCalled();
    expect((await peer.request()).text).toBe('hello');
    peer.leave();
  });

  test('a read that waits fails, and a neighbour does not notice', async () => {
    const codes: string[] = [];
    const gateway = await serve(async (environ, startResponse) => {
      try {
        return await echo(environ, startResponse);
      } catch (error) {
        codes.push((error as { code: string }).code);
        throw error;
      }
    });
    const peer = await gateway.connect();
    for (const id of [1, 2]) {
      const parts = { id, stdin: 'body' };
      const some = encodeRecord(TYPE.STDIN, id, Buffer.from('bo'));
      peer.send(encodeBegin(parts), encodeParams(parts), some);
    }
    peer.send(encodeAbort(1));
    expect((await peer.reply(1)).head).toBe('');
    peer.send(encodeStream(TYPE.STDIN, 2, Buffer.from('dy')));
    expect((await peer.reply(2)).text).toBe('body');
    expect(codes).toEqual(['ERR_POSTERN_DISCONNECT']);
    expect(gateway.log).toEqual([]);
    peer.leave();
  });

  test('without KEEP_CONN the connection is closed after it', async () => {
    const gateway = await serve(() => new Promise(() => {}));
    const peer = await gateway.connect();
    peer.send(encodeRequest({ keep: false }));
    peer.send(encodeAbort());
    await peer.reply();
    expect(await peer.ending()).toBe('closed');
  });

  test('the id can be used at once, whatever the application before still does', async () => {
    const writers: (() => void)[] = [];
    const gateway = await serve(async (environ, startResponse) => {
      const path = environ['PATH_INFO'];
      const write = startResponse('200 OK', []);
      environ['wsgi.errors'].write('');
      if (path === '/old') {
        await new Promise<void>((resolve) => {
          writers.push(() => {
            void write('from the old one');
            environ['wsgi.errors'].write('old error\n');
            resolve();
          });
        });
      }
      return [Buffer.from(path)];
    });
    const peer = await gateway.connect();
    peer.send(encodeRequest({ params: { PATH_INFO: '/old' } }));
    await until(() => writers.length === 1);
    peer.send(encodeAbort());
    await peer.reply();
    peer.send(encodeBegin({}), encodeParams({ params: { PATH_INFO: '/new' } }).subarray(0, -8));
    writers[0]!();
    await new Promise((resolve) => setImmediate(resolve));
    peer.send(encodeRecord(TYPE.PARAMS, 1, NONE), encodeRecord(TYPE.STDIN, 1, NONE));
    const answer = await peer.reply();
    expect([answer.text, answer.stderr]).toEqual(['/new', '']);
    expect(gateway.log).toEqual(['old error']);
    peer.leave();
  });
});
