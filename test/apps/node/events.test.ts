/** The events of request, response and socket, and their order, beside those of node:http. */

import { once } from 'node:events';
import { ServerResponse, createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';

import { describe, expect, it } from 'vitest';

import { fromNode } from '../../../src/apps/node/node.ts';
import { until, visit } from '../kit.ts';
import { codeOf, isOver, watched } from './events-kit.ts';
import type { Listener } from './events-kit.ts';

interface Sent {
  body?: string;
  /** Content-Length, if it is not that of the body: an upload that does not end. */
  length?: number;
  /** The event at which the client leaves. Default: after the response. */
  leavesAt?: string;
}

async function underNode(listener: Listener, sent: Sent): Promise<string[]> {
  const seen: string[] = [];
  const server = createServer(watched(listener, seen)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {}).resume();
  const { body, length = body?.length, leavesAt = 'req close' } = sent;
  const fields = length === undefined ? '' : `Content-Length: ${length}\r\n`;
  const method = length === undefined ? 'GET' : 'POST';
  client.write(`${method} / HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n${body ?? ''}`);
  await until(() => seen.includes(leavesAt));
  client.end();
  await until(() => isOver(seen));
  client.destroy();
  server.close();
  await once(server, 'close');
  return seen;
}

async function underPostern(listener: Listener, sent: Sent): Promise<string[]> {
  const seen: string[] = [];
  const { body, length, leavesAt } = sent;
  const app = fromNode(watched(listener, seen));
  const isWhole = length === undefined;
  const one = visit(app, {
    method: body === undefined ? 'GET' : 'POST',
    ...(isWhole ? { body } : { headers: [['Content-Length', String(length)]] }),
  } as Parameters<typeof visit>[1]);
  one.stdout.resume();
  if (!isWhole) one.stdin.write(body);
  if (leavesAt !== undefined) {
    await until(() => seen.includes(leavesAt));
    await one.leave();
  }
  await one.done;
  await until(() => isOver(seen));
  return seen;
}

const end: Listener = (_, res) => void res.end('x');
const nothing: Listener = () => {};
const later =
  (act: Listener): Listener =>
  (req, res, seen) =>
    void setTimeout(() => act(req, res, seen), 5);

const POST: Sent = { body: 'abc' };
const CUT_OFF: Sent = { body: 'abc', length: 9, leavesAt: 'listener' };
const LEAVES: Sent = { leavesAt: 'listener' };

/** What ours has in place of an event of node:http, `''` for nothing. And why. */
interface Difference {
  why: string;
  instead: Record<string, string>;
}

const NOT_FINISHED: Difference = {
  why: 'node:http closes its side when the client has closed; here that is the front end’s',
  instead: { 'socket finish': '' },
};
const CUT: Difference = {
  why: 'a gateway is told that the client is gone, not what it sent last',
  instead: { 'socket error HPE_INVALID_EOF_STATE': 'socket error ECONNRESET' },
};

const CASES: [name: string, listener: Listener, sent?: Sent, difference?: Difference][] = [
  ['GET', end],
  ['GET, answered later', later(end)],
  ['GET, a large response', (_, res) => void res.end('x'.repeat(300_000))],
  [
    'GET, a response in two pieces',
    (_, res) => {
      res.write('x');
      setTimeout(() => res.end('y'), 5);
    },
  ],
  [
    'GET, resumed',
    (req, res) => {
      req.resume();
      res.end('x');
    },
  ],
  ['POST, read to its end', (req, res) => void req.on('end', () => res.end('x')).resume(), POST],
  ['POST, not read', end, POST],
  ['POST, not read, answered later', later(end), POST],
  [
    'POST, read after the answer',
    (req, res) => {
      res.end('x');
      req.resume();
    },
    POST,
  ],
  ['an upload that is cut off, read', (req) => void req.resume(), CUT_OFF, CUT],
  ['an upload that is cut off, not read', nothing, CUT_OFF, CUT],
  [
    'an upload that is cut off, and a response that has begun',
    (req, res) => {
      req.resume();
      res.write('x');
    },
    CUT_OFF,
    CUT,
  ],
  ['a client that leaves before the response', nothing, LEAVES, NOT_FINISHED],
  [
    'a client that leaves before the response, its request read',
    (req) => void req.resume(),
    { ...POST, leavesAt: 'req close' },
    NOT_FINISHED,
  ],
  ['a client that leaves in the response', (_, res) => void res.write('x'), LEAVES, NOT_FINISHED],
  ['res.destroy()', (_, res) => void res.destroy()],
  ['res.destroy() of a POST', (_, res) => void res.destroy(), POST],
  ['res.destroy(error)', (_, res) => void res.destroy(new Error('own'))],
  [
    'res.destroy() in the response',
    (_, res) => {
      res.write('x');
      setTimeout(() => res.destroy(), 5);
    },
  ],
  ['req.destroy()', (req) => void req.destroy()],
  ['req.destroy() of a POST', (req) => void req.destroy(), POST],
  ['req.destroy(error)', (req) => void req.destroy(new Error('own'))],
  [
    'req.destroy(error) within the body',
    (req) => void req.once('data', () => req.destroy(new Error('own'))),
    POST,
  ],
  ['socket.destroy()', (req) => void req.socket.destroy()],
  ['socket.destroy(error)', (req) => void req.socket.destroy(new Error('own'))],
  ['socket.end()', (req) => void req.socket.end()],
  ['a timeout of the response', (_, res) => void res.setTimeout(5, () => res.end('late'))],
  [
    'a timeout of the request',
    (req) => void req.setTimeout(5, () => req.destroy()),
    { body: 'abc', length: 9 },
  ],
  ['a timeout of the socket', (req, res) => void req.socket.setTimeout(5, () => res.end('late'))],
];

/**
 * The orders to compare. Which comes first, 'close' of a response that has finished or the end of its request, differs
 * between versions of Node.
 */
function orders(events: readonly string[]): readonly string[][] {
  if (!events.includes('res finish')) return [[...events]];
  return ['req', 'res'].map((other) => events.filter((event) => !event.startsWith(other)));
}

describe('the events are those of node:http, in their order:', () => {
  it.each(CASES)('%s', async (_, listener, sent = {}, difference = undefined) => {
    const expected = (await underNode(listener, sent))
      .map((event) => difference?.instead[event] ?? event)
      .filter((event) => event !== '');
    expect(orders(await underPostern(listener, sent))).toEqual(orders(expected));
  });
});

/** A callback that notes its error, if it gets one. */
const told =
  (seen: string[], what: string) =>
  (error?: Error | null): void =>
    void seen.push(error ? `${what} ${codeOf(error)}` : what);

const writeLate: Listener = (_, res, seen) => {
  res.end('x');
  res.write('y', told(seen, 'write'));
};

const writeLateReplaced: Listener = (req, res, seen) => {
  Object.setPrototypeOf(res, Object.create(ServerResponse.prototype) as object);
  writeLate(req, res, seen);
};

const endTwice: Listener = (_, res, seen) => {
  res.end('x', told(seen, 'first'));
  res.end(told(seen, 'second'));
};

describe('what is done after the end', () => {
  it('a write fails in its callback and as an event, as under node:http', async () => {
    const expected = await underNode(writeLate, {});
    const seen = await underPostern(writeLate, {});
    expect(expected).toContain('write ERR_STREAM_WRITE_AFTER_END');
    expect(expected).toContain('res error ERR_STREAM_WRITE_AFTER_END');
    expect(seen.toSorted()).toEqual(expected.toSorted());
  });

  it('so it does if a framework has replaced the prototype, as Express does', async () => {
    const expected = await underNode(writeLateReplaced, {});
    const seen = await underPostern(writeLateReplaced, {});
    expect(seen.toSorted()).toEqual(expected.toSorted());
    const unheard = visit(
      fromNode((_, res) => {
        Object.setPrototypeOf(res, Object.create(ServerResponse.prototype) as object);
        res.end('x');
        res.end('late');
      }),
    );
    expect((await unheard.read()).text).toBe('x');
    expect(unheard.errors).toContain('wrote after the end of its response');
  });

  it('a second end is told of the end', async () => {
    // node:http tells it ERR_STREAM_ALREADY_FINISHED if the kernel has taken all at once: here it is always later.
    const expected = (await underNode(endTwice, {})).map((event) =>
      event.replace(/^(second) .*/, '$1'),
    );
    expect((await underPostern(endTwice, {})).toSorted()).toEqual(expected.toSorted());
  });
});

describe('a timeout that neither request nor response listen for', () => {
  const CUTS: [string, Listener][] = [
    ['socket.setTimeout()', (req) => void req.socket.setTimeout(5)],
    ['socket.setTimeout(callback)', (req) => void req.socket.setTimeout(5, () => {})],
    [
      'req.setTimeout(callback) of a request that has come',
      (req) => void req.setTimeout(5, () => {}),
    ],
  ];
  it.each(CUTS)('%s ends the connection, as under node:http', async (_, set) => {
    const destroyed: boolean[] = [];
    const listener = (req: IncomingMessage, res: ServerResponse): void => {
      set(req, res, []);
      req.socket.on('close', () => destroyed.push(req.socket.destroyed, res.writableEnded));
    };
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
    client.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await once(client, 'close');
    server.close();
    const one = visit(fromNode(listener));
    expect((await one.read()).status).toBe(500);
    await until(() => destroyed.length === 4);
    expect(destroyed).toEqual([true, false, true, false]);
  });
});

/** As Express has it. */
const onFinished = createRequire(import.meta.resolve('express'))('on-finished') as (
  message: IncomingMessage | ServerResponse,
  listener: (error: Error | null) => void,
) => void;

/** What it tells of a request and its response: the message of an error, or null. */
async function outcome(listener: Listener, sent: Sent): Promise<Record<string, unknown>> {
  const told: Record<string, unknown> = {};
  await underPostern((req, res, seen) => {
    onFinished(req, (error) => (told['req'] = error?.message ?? null));
    onFinished(res, (error) => (told['res'] = error?.message ?? null));
    listener(req, res, seen);
  }, sent);
  return told;
}

describe('on-finished', () => {
  it('gets no error for a response that was sent', async () => {
    expect(await outcome(end, POST)).toEqual({ req: null, res: null });
  });

  it('gets an error for an upload that is cut off', async () => {
    for (const listener of [nothing, (req: IncomingMessage): void => void req.resume()]) {
      expect(await outcome(listener, CUT_OFF)).toEqual({
        req: 'read ECONNRESET',
        res: 'read ECONNRESET',
      });
    }
  });

  it('gets none for a client that leaves, as under node:http', async () => {
    expect(await outcome(nothing, LEAVES)).toEqual({ req: null, res: null });
  });
});
