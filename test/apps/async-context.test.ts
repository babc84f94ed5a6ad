/** AsyncLocalStorage in the listeners of a response, beside node:http: where loggers find their request. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { fromNode, fromNodeForCommand } from '../../src/apps/node/node.ts';
import { get, until } from './kit.ts';

const MIB = 1024 * 1024;
const storage = new AsyncLocalStorage<string>();

/** Ways of answering. */
const ANSWERS: Record<string, (res: ServerResponse) => unknown> = {
  'at once': (res) => res.end('hello'),
  'without a body': (res) => res.writeHead(204).end(),
  'in pieces, at once': (res) => {
    for (const piece of ['a', 'b', 'c']) res.write(piece);
    res.end();
  },
  'in the same turn': async (res) => {
    await undefined;
    res.end('hello');
  },
  later: async (res) => {
    await sleep(5);
    res.end('hello');
  },
  'in pieces, later': async (res) => {
    for (const piece of ['a', 'b', 'c']) {
      res.write(piece);
      await sleep(5);
    }
    res.end();
  },
  'in one large piece': (res) => res.end(Buffer.alloc(8 * MIB)),
  'waiting for drain': async (res) => {
    for (let i = 0; i < 8; i++) if (!res.write(Buffer.alloc(MIB))) await once(res, 'drain');
    res.end();
  },
};

/** Answers within the storage's context, and notes what its listeners find. */
function noting(answer: (res: ServerResponse) => unknown, notes: Set<string>): RequestListener {
  return (_req, res) =>
    void storage.run('the request', () => {
      for (const event of ['drain', 'finish', 'close']) {
        res.on(event, () => notes.add(`${event} in ${storage.getStore()}`));
      }
      return answer(res);
    });
}

async function onNodeHttp(answer: (res: ServerResponse) => unknown): Promise<Set<string>> {
  const notes = new Set<string>();
  const server = createServer(noting(answer, notes)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/`);
  await response.arrayBuffer();
  server.close();
  server.closeAllConnections();
  await until(() => hasClosed(notes));
  return notes;
}

function hasClosed(notes: Set<string>): boolean {
  return [...notes].some((note) => note.startsWith('close'));
}

describe.each(Object.entries(ANSWERS))('a response %s', (_name, answer) => {
  test.each([
    ['fromNode', fromNode],
    ['fromNodeForCommand', fromNodeForCommand],
  ])('%s', async (_make, make) => {
    const notes = new Set<string>();
    await get(make(noting(answer, notes)));
    await until(() => hasClosed(notes));
    const expected = await onNodeHttp(answer);
    expect(expected).toContain('close in the request');
    expect([...notes]).toEqual([...expected]);
  });
});
