/**
 * A client that ends its upload when it has the answer: under node:http it gets the answer, its end too, and so it does
 * from a Node listener on every gateway.
 */

import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import { afterEach, describe, expect, test } from 'vitest';

import { runWithFastCgi } from '../../../adapters/fastcgi/index.ts';
import { runWithHttp } from '../../../adapters/http/index.ts';
import { runWithUwsgi } from '../../../adapters/uwsgi/index.ts';
import { fromNode } from '../../../src/apps/node/node.ts';
import type { Application, ApplicationFunction } from '../../../src/types.ts';
import { TYPE, encodeBegin, encodeParams, encodeRecord } from '../../fastcgi/peer.ts';
import { serve } from '../../fastcgi/kit.ts';
import { describeWithServer } from '../../servers/availability.ts';
import { startNginx } from '../../servers/nginx.ts';
import { until } from '../kit.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** Answers at once, and goes on reading. */
function listenerOf(seen: string[]): RequestListener {
  return (req, res) => {
    req.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
    for (const name of ['end', 'aborted', 'close']) req.on(name, () => seen.push(name));
    req.on('error', () => {});
    res.write('thank ');
    res.end('you');
  };
}

/** Begins an upload of six bytes, and goes on when the answer is there. @returns the answer */
async function upload(port: number): Promise<string> {
  const headers = { 'Content-Length': 6 };
  const sent: ClientRequest = request({ port, method: 'POST', headers, agent: false });
  sent.on('error', () => {}); // the rest may be more than anybody takes
  sent.write('abc');
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const answer = await text(response);
  sent.end('def');
  return answer;
}

type Run = (
  application: Application,
  options: { listen: string },
) => Promise<{
  address(): AddressInfo | string | null;
  close(options: { timeout: number }): Promise<unknown>;
}>;

async function serveOn(run: Run, application: Application): Promise<number> {
  const server = await run(application, { listen: '127.0.0.1:0' });
  ends.push(() => server.close({ timeout: 0 }));
  return (server.address() as AddressInfo).port;
}

/** nginx passes an upload on while it comes. */
async function behindNginx(gateway: 'fastcgi' | 'uwsgi' | 'http', port: number): Promise<number> {
  const directive = gateway === 'http' ? 'proxy' : gateway;
  const nginx = await startNginx({
    conf: `nginx/${gateway}.conf`,
    values: { mount: '', upstream: `127.0.0.1:${port}` },
    extra: `${directive}_request_buffering off;`,
  });
  ends.push(() => nginx.stop());
  return nginx.port;
}

async function underNode(listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** Around a listener, which then gets objects of the gateway over HTTP, too. */
function wrapped(application: Application): Application {
  return (environ, startResponse) => (application as ApplicationFunction)(environ, startResponse);
}

interface Case {
  title: string;
  /** Whether the listener is told when the rest does not come. node:http says nothing after the response. */
  tells: boolean;
  start(listener: RequestListener): Promise<number>;
}

const DIRECT: Case[] = [
  { title: 'node:http', tells: false, start: underNode },
  {
    title: 'HTTP',
    tells: false,
    start: (listener) => serveOn(runWithHttp, fromNode(listener)),
  },
  {
    title: 'HTTP, in a function',
    tells: true,
    start: (listener) => serveOn(runWithHttp, wrapped(fromNode(listener))),
  },
];

const BEHIND: Case[] = [
  {
    title: 'node:http',
    tells: false,
    start: async (listener) => behindNginx('http', await underNode(listener)),
  },
  {
    title: 'HTTP',
    tells: false,
    start: async (listener) => behindNginx('http', await serveOn(runWithHttp, fromNode(listener))),
  },
  {
    title: 'FastCGI',
    tells: true,
    start: async (listener) =>
      behindNginx('fastcgi', await serveOn(runWithFastCgi, fromNode(listener))),
  },
  {
    title: 'uwsgi',
    tells: true,
    start: async (listener) =>
      behindNginx('uwsgi', await serveOn(runWithUwsgi, fromNode(listener))),
  },
];

async function check({ start, tells }: Case): Promise<void> {
  const seen: string[] = [];
  const port = await start(listenerOf(seen));
  expect(await upload(port)).toBe('thank you');
  if (!tells) return;
  // Whether the rest comes is between client and front end. What never comes is an end without it.
  await until(() => seen.includes('close'));
  expect(seen).toEqual(
    seen.includes('aborted') ? ['abc', 'aborted', 'close'] : ['abc', 'def', 'end', 'close'],
  );
}

describe.each(DIRECT)('$title', (one) => {
  test('the answer ends before the upload', () => check(one));
});

describeWithServer('nginx', 'behind nginx', () => {
  describe.each(BEHIND)('$title', (one) => {
    test('the answer ends before the upload', () => check(one));
  });
});

test('FastCGI: the answer ends before an upload of unknown length that does not stop', async () => {
  const seen: string[] = [];
  const gateway = await serve(fromNode(listenerOf(seen)));
  const peer = await gateway.connect();
  peer.send(
    encodeBegin({}),
    encodeParams({ params: { REQUEST_METHOD: 'POST', CONTENT_LENGTH: '-1' } }),
    encodeRecord(TYPE.STDIN, 1, Buffer.from('abc')),
  );
  const sending = setInterval(() => peer.send(encodeRecord(TYPE.STDIN, 1, Buffer.from('x'))), 20);
  const answer = await peer.reply();
  clearInterval(sending);
  expect(answer.body.toString()).toBe('thank you');
  await until(() => seen.includes('close'));
  expect(seen.slice(-2)).toEqual(['aborted', 'close']);
  expect(seen).not.toContain('end');
  expect(gateway.log).toEqual([]);
  peer.leave();
});
