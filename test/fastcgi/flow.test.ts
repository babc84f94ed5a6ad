/** Flow control, which FastCGI has for a connection alone: requests on it must not stand in each other's way. */

import { createHash } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import type { Application, Environ, StartResponse } from '../../src/types.ts';
import { Held, hello, pattern, serve, untilUnchanged, until } from './kit.ts';
import {
  TYPE,
  encodeBegin,
  encodePairs,
  encodeParams,
  encodeRecord,
  encodeRequest,
  encodeStream,
} from './peer.ts';
import type { Peer } from './peer.ts';

const MIB = 1024 * 1024;

describe('output', () => {
  test('a small answer is not stuck behind a 64 MiB download on the same connection', async () => {
    const gateway = await serve(sizes);
    const peer = await gateway.connect();
    peer.send(encodeRequest({ id: 1, params: { PATH_INFO: `/${64 * MIB}` } }));
    while (peer.answer(1).body.length === 0) await peer.next();
    peer.send(encodeRequest({ id: 2, params: { PATH_INFO: '/5' } }));
    expect((await peer.reply(2)).body).toHaveLength(5);
    // No more than what lay in the buffers of the two sockets already.
    expect(peer.answer(1).body.length).toBeLessThan(24 * MIB);
    expect((await peer.reply(1)).body).toHaveLength(64 * MIB);
    peer.leave();
  });

  // A record has room for 65,535 bytes; what goes at once is bounded by twice that.
  const lengths = [0, 13, 4097, 65_000, 65_528, 65_536, 70_000, 131_056, 140_000];
  test.each(lengths.flatMap((head) => lengths.map((body) => [head, body] as const)))(
    'a head of about %i bytes, and a body of %i',
    async (head, length) => {
      const value = 'h'.repeat(head);
      const application: Application = (_environ, startResponse) => {
        startResponse('200 OK', [['X-Long', value]]);
        return [Buffer.alloc(length, 'b')];
      };
      const gateway = await serve(application, { maxResponseHeadSize: MIB });
      const peer = await gateway.connect();
      peer.send(encodeRequest({ id: 1 }), encodeRequest({ id: 2 }));
      for (const id of [1, 2]) {
        const answer = await peer.reply(id);
        expect(answer.body.length).toBe(length);
        expect(answer.head).toContain(`X-Long: ${value}\r\n`);
      }
      peer.leave();
    },
  );

  test('many small ones, while it goes on', async () => {
    const gateway = await serve(sizes);
    const peer = await gateway.connect();
    peer.send(encodeRequest({ id: 1, params: { PATH_INFO: `/${64 * MIB}` } }));
    while (peer.answer(1).body.length === 0) await peer.next();
    let before = 0;
    for (let id = 2; id < 6; id++) {
      expect((await peer.request({ id, params: { PATH_INFO: '/5' } })).body).toHaveLength(5);
      expect(peer.answer(1).body.length).toBeGreaterThanOrEqual(before);
      before = peer.answer(1).body.length;
    }
    expect(before).toBeLessThan(64 * MIB);
    expect((await peer.reply(1)).body).toHaveLength(64 * MIB);
    peer.leave();
  });

  test.each([
    ['whole', ''],
    ['in chunks', '?chunks'],
  ])('three downloads, %s, take turns, a bounded piece each', async (_, query) => {
    const gateway = await serve(sizes);
    const peer = await gateway.connect();
    const ids = [1, 2, 3];
    const params = { PATH_INFO: `/${8 * MIB}`, QUERY_STRING: query };
    peer.send(...ids.map((id) => encodeRequest({ id, params })));
    const order: { id: number; length: number }[] = [];
    for (let open = ids.length; open > 0;) {
      const { type, id, content } = (await peer.next())!;
      if (type === TYPE.END_REQUEST) open--;
      else if (content.length > 0) order.push({ id, length: content.length });
    }
    for (const id of ids) expect(peer.answer(id).body).toHaveLength(8 * MIB);
    // While all three have something to send, none sends more in a row than a body may before others get their turn
    // (192 KiB), and the piece with which that is reached.
    let run = { id: 0, length: 0 };
    for (const { id, length } of order.slice(20, -20)) {
      run = { id, length: id === run.id ? run.length + length : length };
      expect(run.length).toBeLessThan(256 * 1024);
    }
    peer.leave();
  });

  test('a download that nobody reads is not made', async () => {
    let made = 0;
    const gateway = await serve((_environ, startResponse) => {
      startResponse('200 OK', []);
      return (function* () {
        for (; made < 200 * MIB; made += 50_000) yield Buffer.alloc(50_000);
      })();
    });
    const peer = await gateway.connect();
    peer.send(encodeRequest());
    await untilUnchanged(() => made);
    expect(made).toBeGreaterThan(0);
    expect(made).toBeLessThan(24 * MIB);
    peer.leave();
  });

  test('write() that is awaited holds back, too', async () => {
    let made = 0;
    const gateway = await serve(async (environ, startResponse) => {
      const write = startResponse('200 OK', []);
      for (; made < 200 * MIB && !environ['postern.signal'].aborted; made += 50_000) {
        await write(Buffer.alloc(50_000));
      }
      return [];
    });
    const peer = await gateway.connect();
    peer.send(encodeRequest());
    await untilUnchanged(() => made);
    expect(made).toBeLessThan(24 * MIB);
    peer.leave();
    await until(() => gateway.connections === 0);
  });

  test.each([
    ['GET_VALUES', encodeRecord(TYPE.GET_VALUES, 0, encodePairs([['FCGI_MAX_CONNS', '']]))],
    ['a management record of unknown type', encodeRecord(99, 0, Buffer.alloc(0))],
    [
      'a request with too many variables',
      Buffer.concat([encodeBegin({}), encodeStream(TYPE.PARAMS, 1, Buffer.alloc(4))]),
    ],
  ])('answers to %s that nobody reads: no more of them is taken', async (_, bytes) => {
    const gateway = await serve(hello, { maxParams: 1 });
    const peer = await gateway.connect();
    const sent = sendAgain(peer, Buffer.concat(Array<Buffer>(1000).fill(bytes)));
    await untilUnchanged(sent);
    const before = sent();
    expect(before).toBeLessThan(48 * MIB);
    peer.frontEnd.output.discard(); // reads on
    await until(() => sent() > before + MIB);
    peer.leave();
    await until(() => gateway.connections === 0);
  });

  test('a response that ends while the connection is full ends all the same', async () => {
    let go!: () => void;
    const gateway = await serve((environ, startResponse) => {
      if (environ['PATH_INFO'] !== '/held') return sizes(environ, startResponse);
      startResponse('200 OK', []);
      return (async function* () {
        yield Buffer.from('begun');
        await new Promise<void>((resolve) => (go = resolve));
      })();
    });
    const peer = await gateway.connect();
    peer.send(encodeRequest({ id: 1, params: { PATH_INFO: '/held' } }));
    await until(() => go !== undefined);
    peer.send(encodeRequest({ id: 2, params: { PATH_INFO: `/${32 * MIB}` } }));
    while (peer.answer(2).body.length === 0) await peer.next();
    go();
    await new Promise((resolve) => setImmediate(resolve));
    const answer = await peer.reply(1);
    expect([answer.text, answer.end]).toEqual(['begun', { appStatus: 0, protocolStatus: 0 }]);
    expect((await peer.reply(2)).body).toHaveLength(32 * MIB);
    peer.leave();
  });
});

describe('input', () => {
  test('an upload that nobody reads is taken up to a bound, and the rest when it is read', async () => {
    const held = new Held();
    let buffered = 0;
    const application: Application = async (environ, startResponse) => {
      const input = environ['wsgi.input'];
      await held.application(environ, startResponse);
      buffered = (input as unknown as { buffered: number }).buffered;
      const hash = createHash('sha256');
      for await (const chunk of input) hash.update(chunk);
      return [Buffer.from(hash.digest('hex'))];
    };
    const gateway = await serve(application, { maxSpoolSize: MIB });
    const body = pattern(32 * MIB);
    const peer = await gateway.connect();
    const sent = count(peer, encodeRequest({ stdin: body }));
    await untilUnchanged(sent);
    expect(sent()).toBeLessThan(24 * MIB);
    held.finish('/');
    const answer = await peer.reply();
    expect(answer.text).toBe(createHash('sha256').update(body).digest('hex'));
    // One mark, and what of a chunk of the socket lay behind it.
    expect(buffered).toBeGreaterThanOrEqual(64 * 1024);
    expect(buffered).toBeLessThan(192 * 1024);
    peer.leave();
  });

  test('while a request has enough, the answers to its neighbours go on', async () => {
    const held = new Held();
    const gateway = await serve((environ, startResponse) =>
      environ['PATH_INFO'] === '/unread'
        ? held.application(environ, startResponse)
        : sizes(environ, startResponse),
    );
    const peer = await gateway.connect();
    peer.send(
      encodeRequest({ id: 1, params: { PATH_INFO: `/${32 * MIB}`, QUERY_STRING: 'chunks' } }),
    );
    peer.send(
      encodeRequest({ id: 2, stdin: Buffer.alloc(32 * MIB), params: { PATH_INFO: '/unread' } }),
    );
    await until(() => held.waiting.size === 1);
    expect((await peer.reply(1)).body).toHaveLength(32 * MIB);
    held.finish('/unread');
    expect((await peer.reply(2)).text).toBe('/unread');
    peer.leave();
  });

  test('uploads and downloads of many requests at once, byte for byte', async () => {
    const gateway = await serve(async (environ, startResponse) => {
      startResponse('200 OK', []);
      return environ['wsgi.input'];
    });
    const peer = await gateway.connect();
    const ids = [1, 2, 3, 4];
    const bodies = ids.map((id) => pattern(4 * MIB + id));
    // The records of the uploads in turn, each of another size.
    const streams = ids.map((id, i) => inRecords(id, bodies[i]!, 10_000 * id + 1));
    for (const [i, id] of ids.entries()) {
      const parts = { id, params: { CONTENT_LENGTH: String(bodies[i]!.length) } };
      peer.send(encodeBegin(parts), encodeParams(parts));
    }
    while (streams.some((records) => records.length > 0)) {
      for (const records of streams) if (records.length > 0) peer.send(records.shift()!);
    }
    for (const [i, id] of ids.entries()) {
      expect((await peer.reply(id)).body.equals(bodies[i]!)).toBe(true);
    }
    peer.leave();
  });
});

/** Answers `/N` with N bytes, `/N?chunks` in chunks. */
function sizes(environ: Environ, startResponse: StartResponse): Iterable<Buffer> {
  const size = Number(environ['PATH_INFO'].slice(1));
  startResponse('200 OK', []);
  if (environ['QUERY_STRING'] === '') return [Buffer.alloc(size)];
  return (function* () {
    for (let left = size; left > 0; left -= 100_000) yield Buffer.alloc(Math.min(left, 100_000));
  })();
}

/** Sends in pieces. @returns how much of it the kernel has taken so far */
function count(peer: Peer, bytes: Buffer): () => number {
  let sent = 0;
  for (let at = 0; at < bytes.length; at += 50_000) {
    const piece = bytes.subarray(at, at + 50_000);
    peer.frontEnd.socket.write(piece, () => (sent += piece.length));
  }
  return () => sent;
}

/** Sends the same again and again, as fast as it is taken. @returns how much that was so far */
function sendAgain(peer: Peer, bytes: Buffer): () => number {
  let sent = 0;
  const more = (): void => {
    while (peer.frontEnd.socket.write(bytes, () => (sent += bytes.length)));
  };
  peer.frontEnd.socket.on('drain', more);
  more();
  return () => sent;
}

/** The records of a body on STDIN, and the end of it. */
function inRecords(id: number, body: Buffer, size: number): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    records.push(encodeRecord(TYPE.STDIN, id, body.subarray(at, at + size)));
  }
  return [...records, encodeRecord(TYPE.STDIN, id, Buffer.alloc(0))];
}
