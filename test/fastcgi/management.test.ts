/** Management records (FastCGI 1.0 § 4). */

import { describe, expect, test } from 'vitest';

import { Held, hello, serve, until } from './kit.ts';
import {
  TYPE,
  encodeBegin,
  encodePairs,
  encodeParams,
  encodeRecord,
  encodeStream,
} from './peer.ts';
import type { Peer } from './peer.ts';

const NONE = Buffer.alloc(0);

describe('management records', () => {
  test('GET_VALUES says what is enforced', async () => {
    const names = ['FCGI_MPXS_CONNS', 'FCGI_MAX_CONNS', 'FCGI_MAX_REQS'];
    const limits = {
      maxConnections: 12,
      maxConcurrentRequests: 34,
      maxConcurrentRequestsPerConnection: 56,
    };
    expect(await values(await serve(hello, limits), getValues(...names))).toEqual({
      FCGI_MAX_CONNS: '12',
      FCGI_MAX_REQS: '34',
      FCGI_MPXS_CONNS: '1',
    });
    const own = { maxConcurrentRequestsPerConnection: 5, multiplex: false };
    expect(await values(await serve(hello, own), getValues(...names))).toEqual({
      FCGI_MAX_CONNS: '4096',
      FCGI_MAX_REQS: '5',
      FCGI_MPXS_CONNS: '0',
    });
  });

  test('only what was asked for, and nothing that is not known', async () => {
    const gateway = await serve(hello);
    expect(await values(gateway, getValues('FCGI_MAX_CONNS', 'FCGI_OTHER', ''))).toEqual({
      FCGI_MAX_CONNS: '4096',
    });
    expect(await values(gateway, getValues())).toEqual({});
    expect(await values(gateway, getValues('FCGI_MAX_CONNS', 'FCGI_MAX_CONNS'))).toEqual({
      FCGI_MAX_CONNS: '4096',
    });
  });

  test('at any time: between the records of a request, and while one is being answered', async () => {
    const held = new Held();
    const gateway = await serve(held.application);
    const peer = await gateway.connect();
    const ask = getValues('FCGI_MPXS_CONNS');
    const [begin, params] = [encodeBegin({}), encodeParams({ stdin: 'body' })];
    peer.send(ask, begin, ask, params.subarray(0, -8), ask, params.subarray(-8), ask);
    peer.send(encodeRecord(TYPE.STDIN, 1, Buffer.from('bo')), ask);
    peer.send(encodeStream(TYPE.STDIN, 1, Buffer.from('dy')));
    await until(() => held.waiting.size === 1);
    peer.send(ask);
    while (peer.management.length < 6) await peer.next();
    held.finish('/');
    expect((await peer.reply()).text).toBe('/');
    expect(peer.management.every(({ type }) => type === TYPE.GET_VALUES_RESULT)).toBe(true);
    peer.leave();
  });

  test.each([
    ['a type that nobody knows', 99],
    ['type 0', 0],
    ['the highest', 255],
    ['BEGIN_REQUEST', TYPE.BEGIN_REQUEST],
    ['ABORT_REQUEST', TYPE.ABORT_REQUEST],
    ['END_REQUEST', TYPE.END_REQUEST],
    ['PARAMS', TYPE.PARAMS],
    ['STDIN', TYPE.STDIN],
    ['DATA', TYPE.DATA],
    ['GET_VALUES_RESULT', TYPE.GET_VALUES_RESULT],
    ['UNKNOWN_TYPE', TYPE.UNKNOWN_TYPE],
  ])('%s gets UNKNOWN_TYPE', async (_, type) => {
    const gateway = await serve(hello);
    const peer = await gateway.connect();
    peer.send(encodeRecord(type, 0, Buffer.from('12345678')), encodeRecord(type, 0, NONE));
    for (let i = 0; i < 2; i++) {
      const record = (await peer.next())!;
      expect([record.type, [...record.content]]).toEqual([
        TYPE.UNKNOWN_TYPE,
        [type, 0, 0, 0, 0, 0, 0, 0],
      ]);
    }
    expect((await peer.request()).text).toBe('hello');
    peer.leave();
  });
});

function getValues(...names: string[]): Buffer {
  return encodeRecord(TYPE.GET_VALUES, 0, encodePairs(names.map((name) => [name, ''])));
}

/** Sends a GET_VALUES record on a connection of its own. */
async function values(
  gateway: { connect(): Promise<Peer> },
  record: Buffer,
): Promise<Record<string, string>> {
  const peer = await gateway.connect();
  peer.send(record);
  const { type, id, content } = (await peer.next())!;
  peer.leave();
  expect([type, id]).toEqual([TYPE.GET_VALUES_RESULT, 0]);
  const result: Record<string, string> = {};
  for (let at = 0; at < content.length;) {
    const [name, value] = [content[at]!, content[at + 1]!]; // all of them are short
    const middle = at + 2 + name;
    result[content.toString('latin1', at + 2, middle)] = content.toString(
      'latin1',
      middle,
      middle + value,
    );
    at = middle + value;
  }
  return result;
}
