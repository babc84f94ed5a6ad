/** Requests and responses on a connection: FastCGI 1.0 § 3, § 5, § 6 and Appendix B. */

import { describe, expect, test, vi } from 'vitest';

import type { Environ } from '../../src/types.ts';
import { Held, echo, hello, keeping, serve, until } from './kit.ts';
import {
  STATUS,
  TYPE,
  encodeAbort,
  encodeBegin,
  encodePairs,
  encodeParams,
  encodeRecord,
  encodeRequest,
  encodeStream,
} from './peer.ts';

const NONE = Buffer.alloc(0);
const COMPLETE = { appStatus: 0, protocolStatus: STATUS.REQUEST_COMPLETE };

describe('the examples of Appendix B', () => {
  const params = { SERVER_PORT: '80', SERVER_ADDR: '199.170.183.42' };
  const pairs = encodePairs(Object.entries(params));

  test('1: a request without a body', async () => {
    const environs: Environ[] = [];
    const gateway = await serve(keeping(environs, hello));
    const peer = await gateway.connect();
    peer.send(
      encodeBegin({ keep: false }),
      encodeStream(TYPE.PARAMS, 1, pairs),
      encodeStream(TYPE.STDIN, 1, NONE),
    );
    const types: number[] = [];
    for (let record = await peer.next(); record !== undefined; record = await peer.next()) {
      types.push(record.type);
      if (record.type === TYPE.STDOUT && types.length > 1) expect(record.content).toEqual(NONE);
    }
    expect(types).toEqual([TYPE.STDOUT, TYPE.STDOUT, TYPE.END_REQUEST]);
    expect(peer.answer().text).toBe('hello');
    expect(peer.answer().end).toEqual(COMPLETE);
    expect(await peer.ending()).toBe('closed');
    expect(environs[0]).toMatchObject(params);
  });

  test('2: PARAMS in several records, and a body', async () => {
    const gateway = await serve(echo);
    const peer = await gateway.connect();
    const body = 'quantity=100&item=3047936';
    const all = encodePairs([...Object.entries(params), ['CONTENT_LENGTH', '25']]);
    peer.send(
      encodeBegin({ keep: false }),
      encodeRecord(TYPE.PARAMS, 1, all.subarray(0, 19)),
      encodeRecord(TYPE.PARAMS, 1, all.subarray(19)),
      encodeRecord(TYPE.PARAMS, 1, NONE),
      encodeStream(TYPE.STDIN, 1, Buffer.from(body)),
    );
    expect((await peer.reply()).text).toBe(body);
  });

  test('3: text on STDERR between pieces of STDOUT, and both closed', async () => {
    const gateway = await serve((environ, startResponse) => {
      const write = startResponse('200 OK', [['Content-Type', 'text/html']]);
      void write('<ht');
      environ['wsgi.errors'].write('config error: missing SI_UID\n');
      return [Buffer.from('ml>')];
    });
    const peer = await gateway.connect();
    peer.send(encodeRequest());
    const seen: string[] = [];
    for (;;) {
      const { type, content } = (await peer.next())!;
      seen.push(`${type}:${content.length > 0 ? 'bytes' : ''}`);
      if (type === TYPE.END_REQUEST) break;
    }
    expect(seen).toEqual(['6:bytes', '7:bytes', '6:bytes', '6:', '7:', '3:bytes']);
    expect(peer.answer().stderr).toBe('config error: missing SI_UID\n');
    expect(peer.answer().text).toBe('<html>');
  });

  test('4: two requests at once, the second finished first', async () => {
    const held = new Held();
    const gateway = await serve(held.application);
    const peer = await gateway.connect();
    peer.send(
      encodeBegin({ id: 1 }),
      encodeParams({ id: 1, params: { PATH_INFO: '/first' } }),
      encodeBegin({ id: 2 }),
      encodeRecord(TYPE.PARAMS, 2, pairs),
      encodeStream(TYPE.STDIN, 1, NONE),
      encodeRecord(TYPE.PARAMS, 2, encodePairs([['PATH_INFO', '/second']])),
      encodeRecord(TYPE.PARAMS, 2, NONE),
      encodeStream(TYPE.STDIN, 2, NONE),
    );
    await until(() => held.waiting.size === 2);
    held.finish('/second');
    expect((await peer.reply(2)).text).toBe('/second');
    expect(peer.answer(1).text).toBe('');
    held.finish('/first');
    expect((await peer.reply(1)).text).toBe('/first');
    peer.leave();
  });
});

describe('requests on one connection', () => {
  test('twelve at once, ended in any order', async () => {
    const held = new Held();
    const gateway = await serve(held.application);
    const peer = await gateway.connect();
    const ids = Array.from({ length: 12 }, (_, i) => (i === 0 ? 65_535 : i * 5000));
    for (const id of ids) peer.send(encodeRequest({ id, params: { PATH_INFO: `/${id}` } }));
    await until(() => held.waiting.size === ids.length);
    for (const id of ids.toReversed()) held.finish(`/${id}`);
    for (const id of ids) expect((await peer.reply(id)).text).toBe(`/${id}`);
    peer.leave();
  });

  test('an id is free again after END_REQUEST', async () => {
    const gateway = await serve(echo);
    const peer = await gateway.connect();
    for (let i = 0; i < 5; i++) {
      expect((await peer.request({ id: 7, stdin: `body ${i}` })).text).toBe(`body ${i}`);
    }
    peer.leave();
  });

  test('with KEEP_CONN the front end closes, without it the application', async () => {
    const gateway = await serve(hello);
    const peer = await gateway.connect();
    await peer.request({ keep: true });
    await peer.request({ keep: true });
    await peer.request({ keep: false });
    expect(await peer.ending()).toBe('closed');
  });

  test('without KEEP_CONN it is closed after the last of them, not before', async () => {
    const held = new Held();
    const gateway = await serve(held.application);
    const peer = await gateway.connect();
    for (const id of [1, 2]) {
      peer.send(encodeRequest({ id, keep: false, params: { PATH_INFO: `/${id}` } }));
    }
    await until(() => held.waiting.size === 2);
    held.finish('/1');
    expect((await peer.reply(1)).text).toBe('/1');
    held.finish('/2');
    expect((await peer.reply(2)).text).toBe('/2');
    expect(await peer.ending()).toBe('closed');
  });

  test('the application starts when PARAMS end: it need not wait for STDIN', async () => {
    const gateway = await serve(hello);
    const peer = await gateway.connect();
    peer.send(encodeBegin({}), encodeParams({}));
    expect((await peer.reply()).text).toBe('hello');
    // Some front ends leave the empty STDIN record out where there is no body.
    peer.send(encodeBegin({ id: 2 }), encodeParams({ id: 2 }));
    expect((await peer.reply(2)).text).toBe('hello');
    peer.leave();
  });

  test('the body ends at CONTENT_LENGTH, also when STDIN is not closed', async () => {
    const gateway = await serve(echo);
    const peer = await gateway.connect();
    const parts = { params: { CONTENT_LENGTH: '4' } };
    const stdin = encodeRecord(TYPE.STDIN, 1, Buffer.from('body and what is not its own'));
    peer.send(encodeBegin(parts), encodeParams(parts), stdin);
    expect((await peer.reply()).text).toBe('body');
    peer.leave();
  });

  test('CONTENT_LENGTH -1: the body ends with STDIN (Caddy, chunked)', async () => {
    const gateway = await serve(echo);
    const answer = await gateway.request({ stdin: 'body', params: { CONTENT_LENGTH: '-1' } });
    expect(answer.text).toBe('body');
  });

  test('STDIN that ends short of CONTENT_LENGTH is an error of its own', async () => {
    const codes: unknown[] = [];
    const gateway = await serve(async (environ, startResponse) => {
      await environ['wsgi.input'].read().catch((error: { code: string }) => codes.push(error.code));
      return hello(environ, startResponse);
    });
    await gateway.request({ stdin: 'body', params: { CONTENT_LENGTH: '10' } });
    expect(codes).toEqual(['ERR_POSTERN_INPUT_SHORT']);
  });

  test('records for ids that are not active are ignored', async () => {
    const application = vi.fn(hello);
    const gateway = await serve(application);
    const peer = await gateway.connect();
    peer.send(
      encodeStream(TYPE.STDIN, 9, Buffer.from('nobody asked')),
      encodeParams({ id: 9 }),
      encodeStream(TYPE.DATA, 9, Buffer.from('for this')),
      encodeAbort(9),
    );
    expect((await peer.request({ id: 1 })).text).toBe('hello');
    peer.send(encodeStream(TYPE.STDIN, 1, Buffer.from('late')), encodeAbort(1));
    expect((await peer.request({ id: 2 })).text).toBe('hello');
    expect(application).toHaveBeenCalledTimes(2);
    expect(gateway.log).toEqual([]);
    peer.leave();
  });

  test('appStatus is 0, and END_REQUEST comes once, whatever the application does', async () => {
    const gateway = await serve((environ, startResponse) => {
      if (environ['PATH_INFO'] === '/error') throw new Error('on purpose');
      return hello(environ, startResponse);
    });
    const peer = await gateway.connect();
    for (const path of ['/', '/error', '/']) {
      // The peer fails the test at anything that comes for an id after its END_REQUEST.
      const answer = await peer.request({ params: { PATH_INFO: path } });
      expect(answer.end).toEqual(COMPLETE);
      expect(answer.status).toBe(path === '/' ? '200 OK' : '500 Internal Server Error');
    }
    peer.leave();
  });

  test('what an application logs after its response goes to the log of the gateway', async () => {
    const gateway = await serve((environ, startResponse) => {
      setImmediate(() => environ['wsgi.errors'].write('late news\n'));
      return hello(environ, startResponse);
    });
    const peer = await gateway.connect();
    expect((await peer.request()).stderr).toBe('');
    await until(() => gateway.log.length > 0);
    expect(gateway.log).toEqual(['late news']);
    peer.leave();
  });

  test('behind a head are at least 8 bytes, or none', async () => {
    let head = '';
    let body = '';
    const gateway = await serve((_environ, startResponse) => {
      const write = startResponse('200 OK', [['X-Length', head]]);
      void write(body);
      return (async function* () {
        await new Promise((resolve) => setImmediate(resolve));
        yield Buffer.from('the rest');
      })();
    });
    for (const length of [...Array(10).keys(), 4097]) {
      for (head = ''; head.length < 8; head += 'x') {
        body = 'y'.repeat(length);
        const peer = await gateway.connect();
        peer.send(encodeRequest());
        const { content, padding } = (await peer.next())!;
        const behind = content.length - content.indexOf('\r\n\r\n') - 4 + padding.length;
        // A larger body is in a record of its own.
        const isAlone = length === 0 || length > 4096;
        expect([length, head.length, isAlone ? behind === 0 : behind >= 8]).toEqual([
          length,
          head.length,
          true,
        ]);
        peer.leave();
      }
    }
  });

  test('STDERR of 100 KB comes in pieces, and each of them is padded', async () => {
    const text = 'x'.repeat(40_000);
    const gateway = await serve((environ, startResponse) => {
      environ['wsgi.errors'].write(text);
      return hello(environ, startResponse);
    });
    const peer = await gateway.connect();
    peer.send(encodeRequest());
    let pieces = 0;
    for (;;) {
      const { type, content, padding } = (await peer.next())!;
      if (type === TYPE.END_REQUEST) break;
      if (type !== TYPE.STDERR || content.length === 0) continue;
      pieces++;
      // HAProxy 2.6 crashes without.
      expect(padding.length).toBeGreaterThan(0);
    }
    expect(pieces).toBe(5);
    expect(peer.answer().stderr).toBe(text);
    peer.leave();
  });
});
