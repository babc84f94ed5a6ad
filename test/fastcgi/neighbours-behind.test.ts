/** One visitor takes nothing of a response, the upload of another one is not read: nobody else waits for them. */

import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, expect, test } from 'vitest';

import type { Body, Environ, StartResponse } from '../../src/types.ts';
import { describeWithServer } from '../servers/availability.ts';
import type { RunningServer } from '../servers/launch.ts';
import { FRONT_ENDS, serveBehind, visit } from './front-ends.ts';

/** HAProxy 2.6 stops reading a multiplexed connection when one visitor takes nothing, whoever is behind it. */
const APART = FRONT_ENDS.filter(({ values }) => values?.['multiplex'] !== 'yes');

const MIB = 1024 * 1024;
const SIZE = 50 * MIB;
const OTHERS = 20;
/** Milliseconds for all of them. One of them takes some two. */
const PATIENCE = 2_000;
/** Milliseconds in which nothing more is asked of the download, so that all that may hold it is full. */
const QUIET = 300;

let running: RunningServer | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await running?.stop();
  running = undefined;
});

/** A visitor that sends this, and reads nothing. */
function send(port: number, text: string): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  sockets.push(socket.pause());
  socket.write(text);
  return socket;
}

for (const frontEnd of APART) {
  describeWithServer(frontEnd.server, frontEnd.title ?? frontEnd.conf, () => {
    test(`${OTHERS} others are answered within ${PATIENCE} ms`, async () => {
      const download = { asked: 0 }; // bytes
      let begin: (signal: AbortSignal) => void;
      const upload = new Promise<AbortSignal>((resolve) => (begin = resolve));
      function application(
        environ: Environ,
        startResponse: StartResponse,
      ): AsyncIterable<Buffer> | Buffer[] | Promise<Buffer[]> {
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        const signal = environ['postern.signal'];
        if (environ['PATH_INFO'] === '/download') {
          return (async function* () {
            for (; download.asked < SIZE; download.asked += 65_536) yield Buffer.alloc(65_536, 'x');
          })();
        }
        if (environ['PATH_INFO'] !== '/upload') return [Buffer.from('answer')];
        begin(signal);
        return once(signal, 'abort').then(() => []);
      }
      const { server } = await serveBehind(frontEnd, application);
      running = server;

      send(server.port, 'GET /download HTTP/1.1\r\nHost: localhost\r\n\r\n');
      const head = `POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${SIZE}\r\n\r\n`;
      send(server.port, head).write(Buffer.alloc(SIZE, 'x'));
      const signal = await upload;
      for (let before = 0; before === 0 || before !== download.asked; await sleep(QUIET)) {
        before = download.asked;
      }

      const begun = performance.now();
      const visits = await Promise.all(
        Array.from({ length: OTHERS }, () => visit(server.url, '/other')),
      );
      const took = performance.now() - begun;
      for (const answer of visits) {
        expect(answer).toMatchObject({ status: 200, body: 'answer', complete: true });
      }
      expect(took).toBeLessThan(PATIENCE);
      // They were there all the time.
      expect(signal.aborted).toBe(false);
      for (const socket of sockets) expect(socket.destroyed).toBe(false);
    });
  });
}

for (const frontEnd of FRONT_ENDS) {
  if (APART.includes(frontEnd)) continue;
  describeWithServer(frontEnd.server, frontEnd.title ?? frontEnd.conf, () => {
    test.each([100_000, MIB])(
      'an upload that is not read delays nobody (%i bytes)',
      async (size) => {
        let aborted = 0;
        let begin: () => void;
        const begun = new Promise<void>((resolve) => (begin = resolve));
        function application(environ: Environ, startResponse: StartResponse): Body {
          startResponse('200 OK', [['Content-Type', 'text/event-stream']]);
          const signal = environ['postern.signal'];
          if (environ['PATH_INFO'] !== '/upload') return [Buffer.from('answer')];
          signal.addEventListener('abort', () => aborted++);
          begin();
          return (async function* () {
            for (; !signal.aborted; await sleep(50)) yield Buffer.from('data: x\n\n');
          })();
        }
        const { server } = await serveBehind(frontEnd, application);
        running = server;

        const head = `POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${10 * MIB}\r\n\r\n`;
        const visitor = send(server.port, head);
        visitor.write(Buffer.alloc(size, 'x'));
        visitor.resume();
        await begun;
        for (let round = 0; round < 3; round++) {
          const start = performance.now();
          const visits = await Promise.all(
            Array.from({ length: OTHERS }, () => visit(server.url, '/other')),
          );
          for (const answer of visits) {
            expect(answer).toMatchObject({ status: 200, body: 'answer', complete: true });
          }
          expect(performance.now() - start).toBeLessThan(PATIENCE);
        }
        expect(aborted).toBe(0);
      },
    );
  });
}
