/** A response that is destroyed, or whose request is, when it has been written: the client gets it as under node:http. */

import type { IncomingMessage, ServerResponse } from 'node:http';

import { describe, expect, it } from 'vitest';

import { fromNode, fromNodeForCommand } from '../../../src/apps/node/node.ts';
import { underNode, underPostern } from '../beside-node.ts';

type Listener = (req: IncomingMessage, res: ServerResponse) => void;

const CASES: Record<string, Listener> = {
  'res.destroy()': (_, res) => void res.end('x').destroy(),
  'res.destroy() after much': (_, res) => void res.end('x'.repeat(300_000)).destroy(),
  'res.destroy() after several pieces': (_, res) => {
    res.write('x');
    res.end('y').destroy();
  },
  'res.destroy() without a body': (_, res) => void res.writeHead(204).end().destroy(),
  'req.destroy()': (req, res) => {
    res.statusCode = 413;
    res.end('too large');
    req.destroy();
  },
  'socket.destroy()': (req, res) => {
    res.end('x');
    req.socket.destroy();
  },
  'req.destroy() within the body, if there is one': (req, res) => {
    const refuse = (): void => {
      if (res.writableEnded) return;
      res.statusCode = 413;
      res.end('too large');
      req.destroy();
    };
    req.once('data', refuse).once('end', refuse);
  },
  'res.destroy(), later': (_, res) => void setTimeout(() => res.end('x').destroy(), 5),
};

const REQUESTS = [{}, { method: 'POST', body: 'some body' }];

/** How either ended. ('end' of a request that is destroyed is a matter of microseconds.) */
function record(seen: string[], req: IncomingMessage, res: ServerResponse): void {
  for (const name of ['aborted', 'error', 'close']) req.on(name, () => seen.push(`req ${name}`));
  for (const name of ['finish', 'error', 'close']) res.on(name, () => seen.push(`res ${name}`));
}

describe.each([
  ['fromNode', fromNode],
  ['fromNodeForCommand', fromNodeForCommand],
])('%s: a response that was ended, and then', (_, make) => {
  it.each(Object.entries(CASES))('%s', async (__, listener) => {
    const watched = (req: IncomingMessage, res: ServerResponse, seen: string[]): void => {
      record(seen, req, res);
      listener(req, res);
    };
    for (const request of REQUESTS) {
      const expected = await underNode(watched, request);
      const outcome = await underPostern(make, watched, request);
      expect({ ...outcome, seen: outcome.seen.toSorted() }).toEqual({
        ...expected,
        seen: expected.seen.toSorted(),
      });
      expect(outcome.seen.filter((event) => event.startsWith('res'))).toEqual([
        'res finish',
        'res close',
      ]);
    }
  });

  it('res.destroy(error): is whole, and everything is closed', async () => {
    const { status, body, seen } = await underPostern(make, (req, res, events) => {
      record(events, req, res);
      res.end('x').destroy(new Error('too late'));
    });
    expect([status, body]).toEqual([200, 'x']);
    expect(seen).toEqual(expect.arrayContaining(['req close', 'res close']));
  });
});
