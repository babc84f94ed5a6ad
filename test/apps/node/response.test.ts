/** A long text that ends a response: what a listener does, does the same here as under node:http. */

import { ServerResponse } from 'node:http';
import type { OutgoingHttpHeaders, RequestListener } from 'node:http';

import { describe, expect, it } from 'vitest';

import { GatewayResponse } from '../../../src/apps/node/objects/response.ts';
import { fromNode, fromNodeForCommand } from '../../../src/apps/node/node.ts';
import { underNode, underPostern } from '../beside-node.ts';
import { get } from '../kit.ts';

const LONG = 'a long text. '.repeat(2000);
const LENGTH = { 'Content-Length': String(LONG.length) };
const OTHER_LETTERS = 'Grüße, 世界 '.repeat(2000);

function attempt(seen: string[], step: () => void): void {
  try {
    step();
  } catch (error) {
    seen.push((error as NodeJS.ErrnoException).code!);
  }
}

type Listener = (res: ServerResponse, seen: string[]) => void;

const CASES: Record<string, Listener> = {
  'and nothing else': (res) => void res.end(LONG),
  'and a length that was set': (res) => void res.setHeader('Content-Length', LONG.length).end(LONG),
  'and a length in writeHead': (res) => void res.writeHead(201, 'Made', LENGTH).end(LONG),
  'and a head without a length': (res) => {
    res.writeHead(203, { 'X-A': '1', 'Transfer-Encoding': 'chunked' });
    res.write('first ');
    setTimeout(() => res.end(LONG), 5);
  },
  'of several bytes per letter': (res) => void res.end(OTHER_LETTERS),
  'of several bytes per letter, and their length': (res) =>
    void res.setHeader('Content-Length', Buffer.byteLength(OTHER_LETTERS)).end(OTHER_LETTERS),
  'of several bytes per letter, and their length in writeHead': (res) =>
    void res
      .writeHead(200, { 'Content-Length': Buffer.byteLength(OTHER_LETTERS) })
      .end(OTHER_LETTERS),
  'in latin1': (res) => {
    const letters = 'äöü'.repeat(3000);
    res.setHeader('Content-Length', letters.length).end(letters, 'latin1');
  },
  'in base64': (res) => {
    const bytes = Buffer.from(LONG);
    res.setHeader('Content-Length', bytes.length).end(bytes.toString('base64'), 'base64');
  },
  'after a piece': (res) => {
    res.writeHead(200, { 'Content-Length': LONG.length + 6 });
    res.write('first ');
    res.end(LONG);
  },
  'after a piece, without a length': (res) => {
    res.write('first ');
    res.end(LONG);
  },
  'after flushHeaders': (res) => {
    res.writeHead(200, LENGTH);
    res.flushHeaders();
    res.end(LONG);
  },
  'while corked': (res) => {
    res.cork();
    res.writeHead(200, LENGTH).end(LONG);
    res.uncork();
  },
  'and a callback': (res, seen) => {
    res.on('finish', () => seen.push('finish'));
    res.setHeader('Content-Length', LONG.length);
    res.end(LONG, () => seen.push('callback'));
    seen.push(`${res.writableEnded} ${res.headersSent}`);
  },
  'and a wrapped writeHead': (res, seen) => {
    const { writeHead } = res;
    res.writeHead = function wrapped(
      this: ServerResponse,
      status: number,
      headers?: OutgoingHttpHeaders,
    ) {
      seen.push(`writeHead ${status} ${String(headers)}`);
      this.setHeader('X-Late', '1');
      return Reflect.apply(writeHead, this, [status, headers].slice(0, arguments.length));
    } as never;
    res.setHeader('Content-Length', LONG.length).end(LONG);
  },
  'and a status that is none, and then an answer': (res, seen) => {
    res.statusCode = 99;
    res.setHeader('Content-Length', LONG.length);
    attempt(seen, () => res.end(LONG));
    res.statusCode = 500;
    res.setHeader('Content-Length', 11);
    res.write('not ');
    setTimeout(() => res.end('at all.'), 5);
  },
  'after the end': (res, seen) => {
    res.on('error', () => {});
    res.setHeader('Content-Length', 5).end('short');
    attempt(seen, () => res.end(LONG));
    seen.push(`corked ${res.socket!.writableCorked}`);
  },
  'of a length that Node checks': (res) => {
    res.strictContentLength = true;
    res.setHeader('Content-Length', LONG.length).end(LONG);
  },
  'where there is none': (res) => {
    res.writeHead(304, LENGTH).end(LONG);
  },
};

describe.each([
  ['fromNode', fromNode],
  ['fromNodeForCommand', fromNodeForCommand],
])('%s: a long text', (_, make) => {
  it.each(Object.entries(CASES))('%s', async (__, listener) => {
    for (const method of ['GET', 'HEAD']) {
      const both = (_: unknown, res: ServerResponse, seen: string[]): void => listener(res, seen);
      expect(await underPostern(make, both, { method })).toEqual(await underNode(both, { method }));
    }
  });
});

/** What a listener writes to its socket, and whether it waits there for more. */
async function writes(listener: (res: ServerResponse) => void): Promise<[unknown, boolean][]> {
  const written: [unknown, boolean][] = [];
  const watched: RequestListener = (_, res) => {
    const socket = res.socket!;
    const { write } = socket;
    socket.write = ((chunk: unknown, ...rest: unknown[]) => {
      if (chunk !== '') written.push([chunk, socket.writableCorked > 0]);
      return Reflect.apply(write, socket, [chunk, ...rest]) as boolean;
    }) as never;
    expect(res).toBeInstanceOf(GatewayResponse);
    expect(res.constructor).toBe(ServerResponse);
    listener(res);
  };
  await get(fromNode(watched));
  return written;
}

it('is written apart from its head, so that it is nowhere copied', async () => {
  const known = await writes((res) => void res.setHeader('Content-Length', LONG.length).end(LONG));
  expect(known).toEqual([
    [expect.stringMatching(/^HTTP.*\r\n\r\n$/s), true],
    [LONG, true],
  ]);
  const told = await writes((res) => void res.writeHead(200, LENGTH).end(LONG));
  expect(told).toEqual([
    [expect.any(String), true],
    [LONG, true],
  ]);
});

it('is left to Node where its length is to be told', async () => {
  const written = await writes((res) => void res.end(LONG));
  expect(written).toEqual([[expect.stringContaining(`Content-Length: ${LONG.length}\r\n`), true]]);
});
