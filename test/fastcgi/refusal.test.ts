/** Requests that are not taken (FastCGI 1.0 § 5.5), and what ends a connection. */

import { describe, expect, test, vi } from 'vitest';

import { Held, hello, serve, until } from './kit.ts';
import { STATUS, TYPE, encodeBegin, encodeParams, encodeRecord, encodeRequest } from './peer.ts';

const NONE = Buffer.alloc(0);

describe('requests that are not taken', () => {
  test.each([0, 4, 256, 65_535])('role %i is unknown', async (role) => {
    const application = vi.fn(hello);
    const gateway = await serve(application);
    const peer = await gateway.connect();
    const answer = await peer.request({ id: 3, role });
    expect(answer.end).toEqual({ appStatus: 0, protocolStatus: STATUS.UNKNOWN_ROLE });
    expect(answer.head).toBe('');
    expect(application).not.toHaveBeenCalled();
    expect((await peer.request({ id: 3 })).text).toBe('hello');
    peer.leave();
  });

  test('an unknown role without KEEP_CONN closes the connection, too', async () => {
    const peer = await (await serve(hello)).connect();
    await peer.request({ role: 9, keep: false });
    expect(await peer.ending()).toBe('closed');
  });

  test('a second one at once, where multiplexing is off', async () => {
    const held = new Held();
    const gateway = await serve(held.application, { multiplex: false });
    const peer = await gateway.connect();
    peer.send(encodeRequest({ id: 1, params: { PATH_INFO: '/1' } }));
    await until(() => held.waiting.size === 1);
    const second = await peer.request({ id: 2 });
    expect(second.end).toEqual({ appStatus: 0, protocolStatus: STATUS.CANT_MPX_CONN });
    held.finish('/1');
    expect((await peer.reply(1)).text).toBe('/1');
    peer.send(encodeRequest({ id: 2, params: { PATH_INFO: '/2' } }));
    await until(() => held.waiting.size === 1);
    held.finish('/2');
    expect((await peer.reply(2)).text).toBe('/2');
    peer.leave();
  });

  test('also while PARAMS of the first are on their way', async () => {
    const peer = await (await serve(hello, { multiplex: false })).connect();
    peer.send(encodeBegin({ id: 1 }), encodeBegin({ id: 2 }), encodeParams({ id: 1 }));
    expect((await peer.reply(2)).end!.protocolStatus).toBe(STATUS.CANT_MPX_CONN);
    expect((await peer.reply(1)).text).toBe('hello');
    peer.leave();
  });
});

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
