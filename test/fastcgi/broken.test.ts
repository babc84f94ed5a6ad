/** Responses that break in the middle: what the front end is told. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import type { Environ, StartResponse } from '../../src/types.ts';
import { Held, serve, until } from './kit.ts';
import { TYPE, encodePairs, encodeRecord, encodeRequest } from './peer.ts';

const MIB = 1024 * 1024;
const BREAK = { PATH_INFO: '/break' };

/** Answers `/break` with the beginning of a response, and as `held` does everything else. */
function breaking(held: Held, begin = 'begun') {
  return (environ: Environ, startResponse: StartResponse) => {
    if (environ['PATH_INFO'] !== '/break') return held.application(environ, startResponse);
    startResponse('200 OK', []);
    return (function* () {
      yield Buffer.from(begin);
      throw new Error('broken on purpose');
    })();
  };
}

describe('a broken response', () => {
  test.each([true, false])('ends in a reset, not in END_REQUEST (KEEP_CONN %s)', async (keep) => {
    const gateway = await serve(breaking(new Held()));
    const peer = await gateway.connect();
    peer.send(encodeRequest({ keep, params: BREAK }));
    expect(await peer.ending()).toBe('reset');
    expect(peer.answer().end).toBeUndefined();
    await until(() => gateway.connections === 0);
  });

  test('the error is told of once, on STDERR', async () => {
    const gateway = await serve(breaking(new Held()));
    const peer = await gateway.connect();
    peer.send(encodeRequest({ id: 1 }));
    peer.send(encodeRequest({ id: 2, params: BREAK }));
    while (peer.answer(2).stderr === '') await peer.next();
    expect(peer.answer(2).stderr).toMatch(/^Error: broken on purpose\n/);
    expect(gateway.log).toEqual([]);
    peer.leave();
  });

  test('its neighbours on the connection finish first, and so do new ones', async () => {
    const held = new Held();
    const gateway = await serve(breaking(held));
    const peer = await gateway.connect();
    for (const id of [1, 2]) peer.send(encodeRequest({ id, params: { PATH_INFO: `/${id}` } }));
    await until(() => held.waiting.size === 2);
    peer.send(encodeRequest({ id: 3, params: BREAK }));
    while (peer.answer(3).stderr === '') await peer.next();
    peer.send(encodeRequest({ id: 4, params: { PATH_INFO: '/4' } }));
    await until(() => held.waiting.size === 3);
    expect(gateway.log).toEqual([]);
    for (const id of [2, 4, 1]) {
      held.finish(`/${id}`);
      const answer = await peer.reply(id);
      expect([answer.text, answer.end]).toEqual([`/${id}`, { appStatus: 0, protocolStatus: 0 }]);
    }
    expect(await peer.ending()).toBe('reset');
    expect(peer.answer(3).end).toBeUndefined();
  });

  test('a front end that has asked for the limits is told to send no more', async () => {
    const held = new Held();
    const gateway = await serve(breaking(held));
    const peer = await gateway.connect();
    const asked = encodePairs([['FCGI_MPXS_CONNS', '']]);
    peer.send(encodeRecord(TYPE.GET_VALUES, 0, asked));
    peer.send(encodeRequest({ id: 1, params: { PATH_INFO: '/1' } }));
    await until(() => held.waiting.size === 1);
    for (const id of [2, 3]) peer.send(encodeRequest({ id, params: BREAK }));
    while (peer.management.length < 2) await peer.next();
    expect(peer.management[1]!.content).toEqual(encodePairs([['FCGI_MAX_REQS', '0']]));
    held.finish('/1');
    expect((await peer.reply(1)).text).toBe('/1');
    expect(await peer.ending()).toBe('reset');
    expect(peer.management).toHaveLength(2);
  });

  test('a neighbour with much to send is sent to its end', async () => {
    const held = new Held();
    const gateway = await serve((environ, startResponse) => {
      if (environ['PATH_INFO'] !== '/large') return breaking(held)(environ, startResponse);
      startResponse('200 OK', []);
      return [Buffer.alloc(16 * MIB)];
    });
    const peer = await gateway.connect();
    peer.send(encodeRequest({ id: 1, params: { PATH_INFO: '/large' } }));
    peer.send(encodeRequest({ id: 2, params: BREAK }));
    const answer = await peer.reply(1);
    expect(answer.body).toHaveLength(16 * MIB);
    expect(answer.end).toEqual({ appStatus: 0, protocolStatus: 0 });
    expect(await peer.ending()).toBe('reset');
    expect(peer.answer(2).end).toBeUndefined();
  });

  test('short of its Content-Length', async () => {
    const gateway = await serve((_environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', '10']]);
      return [Buffer.from('short')];
    });
    const peer = await gateway.connect();
    peer.send(encodeRequest());
    expect(await peer.ending()).toBe('reset');
    expect(peer.answer().end).toBeUndefined();
  });

  test('on a unix socket, which has no reset, the connection ends with what is no record', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-'));
    const held = new Held();
    const gateway = await serve(breaking(held), { listen: `unix:${folder}/app.sock` });
    const peer = await gateway.connect();
    peer.send(encodeRequest({ id: 1, params: { PATH_INFO: '/1' } }));
    peer.send(encodeRequest({ id: 2, params: BREAK }));
    await until(() => held.waiting.size === 1);
    held.finish('/1');
    expect((await peer.reply(1)).text).toBe('/1');
    await peer.ending();
    expect(peer.isBrokenOff).toBe(true);
    expect(peer.answer(2).text).toBe('begun');
    expect(peer.answer(2).end).toBeUndefined();
    rmSync(folder, { recursive: true });
  });

  test('the connections beside it are not touched', async () => {
    const held = new Held();
    const gateway = await serve(breaking(held));
    const other = await gateway.connect();
    other.send(encodeRequest({ params: { PATH_INFO: '/1' } }));
    await until(() => held.waiting.size === 1);
    const peer = await gateway.connect();
    peer.send(encodeRequest({ params: BREAK }));
    expect(await peer.ending()).toBe('reset');
    held.finish('/1');
    expect((await other.reply()).text).toBe('/1');
    other.leave();
  });

  test('a stop that runs out of time does not make it look complete either', async () => {
    const held = new Held();
    const gateway = await serve(async (_environ, startResponse) => {
      startResponse('200 OK', []);
      return (async function* () {
        yield Buffer.from('begun');
        await new Promise<void>((resolve) => held.waiting.set('/', resolve));
      })();
    });
    const peer = await gateway.connect();
    peer.send(encodeRequest());
    while (peer.answer().text !== 'begun') await peer.next();
    await gateway.server.close({ timeout: 10 });
    expect(await peer.ending()).toBe('reset');
    expect(peer.answer().end).toBeUndefined();
  });
});
