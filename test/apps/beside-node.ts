/** The same listener under node:http and under postern. */

import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

import type { fromNode } from '../../src/apps/node/node.ts';
import { OF_CONNECTION } from './client.ts';
import { get } from './kit.ts';

/** What comes of a listener, as far as it does not depend on the connection. */
export interface Outcome {
  status: number;
  reason: string;
  headers: [name: string, value: string][];
  body: string;
  /** What the listener saw. */
  seen: string[];
}

/** Notes what it sees. */
export type SeeingListener = (req: IncomingMessage, res: ServerResponse, seen: string[]) => void;

export interface Sent {
  method?: string;
  body?: string;
}

/** Time for what a listener sees after its response has arrived. */
const AFTER = 20;

function withoutConnection(headers: readonly (readonly [string, string])[]): [string, string][] {
  return headers
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .filter(([name]) => !OF_CONNECTION.has(name));
}

export async function underNode(
  listener: SeeingListener,
  { method = 'GET', body = '' }: Sent = {},
): Promise<Outcome> {
  const seen: string[] = [];
  const server = createServer((req, res) => listener(req, res, seen)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = new Agent();
  const { port } = server.address() as AddressInfo;
  const headers = body === '' ? {} : { 'Content-Length': body.length };
  const sent = request({ port, method, agent, headers }).end(body);
  const [res] = (await once(sent, 'response')) as [IncomingMessage];
  const received = await text(res);
  await sleep(AFTER);
  agent.destroy();
  server.close();
  await once(server, 'close');
  const pairs = res.rawHeaders.flatMap((name, i, all) =>
    i % 2 === 0 ? [[name, all[i + 1]!] as const] : [],
  );
  return {
    status: res.statusCode!,
    reason: res.statusMessage!,
    headers: withoutConnection(pairs),
    body: received,
    seen,
  };
}

export async function underPostern(
  make: typeof fromNode,
  listener: SeeingListener,
  request: Sent = {},
): Promise<Outcome> {
  const seen: string[] = [];
  const app = make((req, res) => listener(req, res, seen));
  const { status, reason, headers, text: body } = await get(app, request);
  await sleep(AFTER);
  return { status, reason, headers: withoutConnection(headers), body, seen };
}
