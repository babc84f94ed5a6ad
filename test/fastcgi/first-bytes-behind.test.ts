/**
 * The first bytes of a response that goes on: each front end sends them on before the next ones come, whatever the lengths
 * of head and body are. nginx holds a head back that has padding behind it, and a buffer with fewer than 8 bytes behind the
 * head.
 */

import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, expect, test } from 'vitest';

import { renderConf } from '../../src/cli/conf/conf.ts';
import type { Body, Environ, StartResponse } from '../../src/types.ts';
import { describeWithServer } from '../servers/availability.ts';
import type { RunningServer } from '../servers/launch.ts';
import { startNginx } from '../servers/nginx.ts';
import { FRONT_ENDS, serveBehind } from './front-ends.ts';
import type { FrontEnd } from './front-ends.ts';

/** Milliseconds in which the first bytes have to come. They need some two. */
const PATIENCE = 5_000;

const HEADS = [0, 1, 2, 3, 4, 5, 6, 7]; // bytes beside the other headers
const BODIES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]; // bytes that leave together with the head

interface Case {
  frontEnd: FrontEnd;
  title: string;
  type: string;
  /** Whether a head leaves before there is any body. */
  sendsHead: boolean;
}

/** nginx with its shipped file, changed. */
function nginxWith(buffering: 'on' | 'off', keepConn: 'on' | 'off'): FrontEnd {
  const conf = 'nginx/fastcgi.conf';
  return {
    server: 'nginx',
    conf,
    title: `nginx, fastcgi_buffering ${buffering}, fastcgi_keep_conn ${keepConn}`,
    start: (options) =>
      startNginx({
        ...options,
        extra: `fastcgi_buffering ${buffering};`,
        text: (port) =>
          renderConf(conf, {
            ...options.values,
            name: 'app',
            serverName: 'localhost',
            listen: `127.0.0.1:${port}`,
          }).replace('fastcgi_keep_conn on;', `fastcgi_keep_conn ${keepConn};`),
      }),
  };
}

const NGINX = (['on', 'off'] as const).flatMap((buffering) =>
  (['on', 'off'] as const).map((keepConn) => ({ buffering, keepConn })),
);

const CASES: readonly Case[] = [
  ...NGINX.map(({ buffering, keepConn }) => {
    // The gateway switches buffering off, whatever is configured.
    const frontEnd = nginxWith(buffering, keepConn);
    return { frontEnd, type: 'text/event-stream', sendsHead: true };
  }),
  // Without keep_conn nginx passes nothing on before a buffer is full, unless buffering is off.
  ...NGINX.filter(({ buffering, keepConn }) => buffering === 'off' || keepConn === 'on').map(
    ({ buffering, keepConn }) => {
      const frontEnd = nginxWith(buffering, keepConn);
      return { frontEnd, type: 'text/plain', sendsHead: buffering === 'off' };
    },
  ),
  ...FRONT_ENDS.filter(({ server }) => server !== 'nginx').map((frontEnd) => ({
    frontEnd,
    type: 'text/plain',
    // Apache 2.4 keeps a head until the first bytes of the body come, whatever the backend sends.
    sendsHead: !frontEnd.server.startsWith('apache'),
  })),
].map((one) => ({ ...one, title: `${one.frontEnd.title ?? one.frontEnd.conf}, ${one.type}` }));

let running: RunningServer | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

/** What the visitor has to get before the rest is sent. */
function firstPiece(body: number, sendsHead: boolean): string {
  return body === 0 && !sendsHead ? 'x' : 'abcdefghi'.slice(0, body);
}

for (const { frontEnd, title, type, sendsHead } of CASES) {
  describeWithServer(frontEnd.server, title, () => {
    test('the first bytes arrive before the next ones are sent', async () => {
      const goOn = new Map<string, () => void>(); // by path
      function application(environ: Environ, startResponse: StartResponse): Body {
        const path = environ['PATH_INFO'];
        const [head, body] = path.slice(1).split('/').map(Number) as [number, number];
        const write = startResponse('200 OK', [
          ['Content-Type', type],
          ['X-Length', 'x'.repeat(head)],
        ]);
        const rest = new Promise<void>((resolve) => goOn.set(path, resolve));
        return (async function* () {
          if (body === 0) {
            void write(Buffer.alloc(0));
            await sleep(10);
          }
          const first = firstPiece(body, sendsHead);
          if (first !== '') yield Buffer.from(first);
          await rest;
          yield Buffer.from('the rest');
        })();
      }
      const { server } = await serveBehind(frontEnd, application);
      running = server;

      const late: string[] = [];
      async function visit(head: number, body: number): Promise<void> {
        const path = `/${head}/${body}`;
        const first = firstPiece(body, sendsHead);
        let isEarly = false;
        const timer = setTimeout(() => {
          late.push(path);
          goOn.get(path)?.();
        }, PATIENCE);
        let text = '';
        const look = (): void => {
          if (isEarly || text.length < first.length) return;
          isEarly = true;
          clearTimeout(timer);
          goOn.get(path)!();
        };
        const response = await new Promise<IncomingMessage>((resolve, reject) => {
          get(`${server.url}${path}`, { agent: false }, resolve).on('error', reject);
        });
        look();
        response.setEncoding('latin1');
        for await (const piece of response) {
          text += piece as string;
          look();
        }
        expect([path, text, response.headers['x-length']?.length ?? 0]).toEqual([
          path,
          `${first}the rest`,
          head,
        ]);
      }
      await Promise.all(HEADS.flatMap((head) => BODIES.map((body) => visit(head, body))));
      expect(late.toSorted()).toEqual([]);
    });
  });
}
