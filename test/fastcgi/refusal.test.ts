/** Requests that are not taken (FastCGI 1.0 § 5.5), and what ends a connection. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { describe, expect, test, vi } from 'vitest';

import { Held, echo, hello, serve, until } from './kit.ts';
import {
  TYPE,
  encodeBegin,
  encodePairs,
  encodeParams,
  encodeRecord,
  encodeRequest,
  encodeStream,
} from './peer.ts';

const NONE = Buffer.alloc(0);
/** HAProxy gives a connection up, and all requests on it, for OVERLOADED and UNKNOWN_ROLE, even behind a response. */
const COMPLETE = { appStatus: 0, protocolStatus: 0 };

describe('requests that are not taken', () => {
  test.each([0, 4, 256, 65_535])('role %i is unknown', async (role) => {
    const application = vi.fn(hello);
    const gateway = await serve(application);
    const peer = await gateway.connect();
    const answer = await peer.request({ id: 3, role });
    expect(answer.end).toEqual(COMPLETE);
    expect([answer.status, answer.text]).toEqual(['501 Not Implemented', '501 Not Implemented\n']);
    expect(application).not.toHaveBeenCalled();
    expect((await peer.request({ id: 3 })).text).toBe('hello');
    peer.leave();
  });

  test('an unknown role without KEEP_CONN closes the connection, too', async () => {
    const peer = await (await serve(hello)).connect();
    await peer.request({ role: 9, keep: false });
    expect(await peer.ending()).toBe('closed');
  });

  test('a hundred requests that are none, one after another, end the connection', async () => {
    const gateway = await serve(hello);
    for (const encode of [(id: number) => encodeBegin({ id, role: 9 }), malformed]) {
      const peer = await gateway.connect();
      for (let id = 1; id < 100; id++) peer.send(encode(id));
      expect((await peer.request({ id: 100 })).text).toBe('hello');
      for (let id = 101; id <= 200; id++) peer.send(encode(id));
      await peer.ending();
      await until(() => gateway.connections === 0);
      expect(gateway.log.at(-1)).toMatch(/100 faulty requests one after another/);
    }
    expect(gateway.log.length).toBeLessThan(8); // not a line for each
  });
});

describe('requests at once, where multiplexing is off, wait for their turn', () => {
  test('in their order', async () => {
    const held = new Held();
    const gateway = await serve(held.application, { multiplex: false });
    const peer = await gateway.connect();
    for (const id of [1, 2, 3]) {
      peer.send(encodeRequest({ id, params: { PATH_INFO: `/${id}` } }));
    }
    for (const id of [1, 2, 3]) {
      await until(() => held.waiting.size === 1);
      expect([...held.waiting.keys()]).toEqual([`/${id}`]);
      held.finish(`/${id}`);
      expect((await peer.reply(id)).text).toBe(`/${id}`);
    }
    peer.leave();
  });

  test('256 of them, and the connection is closed after the last without KEEP_CONN', async () => {
    const gateway = await serve(hello, { multiplex: false });
    const peer = await gateway.connect();
    const ids = Array.from({ length: 256 }, (_, i) => i + 1);
    peer.send(...ids.map((id) => encodeBegin({ id, keep: false })));
    peer.send(...ids.map((id) => encodeParams({ id })));
    for (const id of ids) expect((await peer.reply(id)).text).toBe('hello');
    expect(await peer.ending()).toBe('closed');
  });

  test('one at a time, whether they are answered at once or later, and whenever they come', async () => {
    let running = 0;
    let most = 0;
    const gateway = await serve(
      (environ, startResponse) => {
        most = Math.max(most, running + 1);
        if (Number(environ['PATH_INFO'].slice(1)) % 3 > 0) return hello(environ, startResponse);
        running++;
        return new Promise((resolve) => {
          setTimeout(() => {
            running--;
            resolve(hello(environ, startResponse));
          }, 1);
        });
      },
      { multiplex: false },
    );
    const peer = await gateway.connect();
    const ids = Array.from({ length: 60 }, (_, i) => i + 1);
    for (const id of ids) {
      peer.send(encodeRequest({ id, params: { PATH_INFO: `/${id}` } }));
      if (id % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    for (const id of ids) expect((await peer.reply(id)).text).toBe('hello');
    expect(most).toBe(1);
    peer.leave();
  });

  test('with their bodies; a long one is answered, not waited for', async () => {
    const held = new Held();
    const gateway = await serve(
      (environ, startResponse) =>
        environ['PATH_INFO'] === '/held'
          ? held.application(environ, startResponse)
          : echo(environ, startResponse),
      { multiplex: false },
    );
    const peer = await gateway.connect();
    peer.send(encodeRequest({ id: 1, params: { PATH_INFO: '/held' } }));
    peer.send(encodeRequest({ id: 2, stdin: Buffer.alloc(60_000, 'b') }));
    peer.send(encodeRequest({ id: 3, stdin: Buffer.alloc(70_000) }));
    const third = await peer.reply(3);
    expect([third.status, third.end]).toEqual(['503 Service Unavailable', COMPLETE]);
    await until(() => held.waiting.size === 1);
    held.finish('/held');
    expect((await peer.reply(1)).text).toBe('/held');
    expect((await peer.reply(2)).body).toEqual(Buffer.alloc(60_000, 'b'));
    peer.leave();
  });

  test('nothing is kept of those that are aborted, or come byte by byte', async () => {
    const held = new Held();
    const gateway = await serve(held.application, { multiplex: false });
    const peer = await gateway.connect();
    peer.send(encodeRequest({ id: 1, params: { PATH_INFO: '/1' } }));
    await until(() => held.waiting.size === 1);
    const before = process.memoryUsage().arrayBuffers;
    const params = { HTTP_X: 'x'.repeat(100_000) };
    for (let i = 0; i < 1000; i++) {
      peer.send(encodeBegin({ id: 2 }), encodeParams({ id: 2, params }));
      peer.send(encodeRecord(TYPE.ABORT_REQUEST, 2, NONE));
      await peer.reply(2);
    }
    const byte = encodeRecord(TYPE.STDIN, 3, Buffer.from('x'));
    peer.send(encodeBegin({ id: 3 }), encodeParams({ id: 3 }));
    peer.send(Buffer.concat(Array<Buffer>(60_000).fill(byte)));
    await peer.request({ id: 4, role: 9 });
    await until(() => {
      collect();
      return process.memoryUsage().arrayBuffers - before < 5_000_000;
    });
    held.finish('/1');
    expect((await peer.reply(1)).text).toBe('/1');
    peer.leave();
  });

  test('one that is aborted meanwhile has none', async () => {
    const held = new Held();
    const gateway = await serve(held.application, { multiplex: false });
    const peer = await gateway.connect();
    for (const id of [1, 2, 3]) {
      peer.send(encodeRequest({ id, params: { PATH_INFO: `/${id}` } }));
    }
    peer.send(encodeRecord(TYPE.ABORT_REQUEST, 2, NONE));
    expect((await peer.reply(2)).end).toEqual(COMPLETE);
    await until(() => held.waiting.size === 1);
    held.finish('/1');
    await until(() => held.waiting.has('/3'));
    held.finish('/3');
    expect((await peer.reply(3)).text).toBe('/3');
    peer.leave();
  });
});

setFlagsFromString('--expose-gc');
/** Collects garbage. */
const collect = runInNewContext('gc') as () => void;

/** A request whose PARAMS are no pairs. */
function malformed(id: number): Buffer {
  return Buffer.concat([encodeBegin({ id }), encodeStream(TYPE.PARAMS, id, Buffer.of(1))]);
}

describe('the connection is closed, with one line in the log, for', () => {
  const begin = encodeBegin({});
  test.each([
    [
      'a BEGIN_REQUEST that is too short',
      [encodeRecord(TYPE.BEGIN_REQUEST, 1, Buffer.alloc(7))],
      /of less than 8 bytes \(FastCGI 1\.0 § 5\.1\)$/,
    ],
    ['an empty one', [encodeRecord(TYPE.BEGIN_REQUEST, 1, NONE)], /of less than 8 bytes/],
    [
      'a second BEGIN_REQUEST of an id whose PARAMS are under way',
      [begin, begin],
      /id 1, which is active/,
    ],
    [
      'one of an id that is being answered',
      [begin, encodeParams({}), begin],
      /id 1, which is active/,
    ],
    [
      'STDIN before PARAMS',
      [begin, encodeRecord(TYPE.STDIN, 1, Buffer.from('x'))],
      /before the end of PARAMS/,
    ],
    [
      'the end of STDIN before PARAMS',
      [begin, encodeRecord(TYPE.STDIN, 1, NONE)],
      /before the end of PARAMS/,
    ],
    [
      'DATA before PARAMS',
      [begin, encodeRecord(TYPE.DATA, 1, Buffer.from('x'))],
      /before the end of PARAMS/,
    ],
    [
      'malformed pairs in GET_VALUES',
      [encodeRecord(TYPE.GET_VALUES, 0, Buffer.from([0x80]))],
      /end inside a length/,
    ],
    [
      'more names in GET_VALUES than anybody asks for',
      [encodeRecord(TYPE.GET_VALUES, 0, encodePairs(Array.from({ length: 33 }, () => ['a', ''])))],
      /more than 32 names in GET_VALUES/,
    ],
  ])('%s', async (_, records, rule) => {
    const gateway = await serve(() => new Promise(() => {}));
    const peer = await gateway.connect();
    peer.send(...records);
    await peer.ending();
    expect(gateway.log).toHaveLength(1);
    expect(gateway.log[0]).toMatch(/^fastcgi: 127\.0\.0\.1:\d+: /);
    expect(gateway.log[0]).toMatch(rule);
    await until(() => gateway.connections === 0);
  });
});
