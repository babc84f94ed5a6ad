/**
 * nginx buffers responses over SCGI and uwsgi, because these protocols do not mark the pieces. The gateway switches that
 * off for event streams; the shipped files do it for all.
 */

import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, expect, test } from 'vitest';

import { renderConf } from '../../src/cli/conf/conf.ts';
import type { Body, Environ, StartResponse } from '../../src/types.ts';
import { describeWithServer } from '../servers/availability.ts';
import type { RunningServer } from '../servers/launch.ts';
import { startNginx } from '../servers/nginx.ts';
import { PROTOCOLS, serve } from './kit.ts';

let running: RunningServer | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

for (const protocol of PROTOCOLS) {
  describeWithServer('nginx', `${protocol.name} behind nginx, with buffering`, () => {
    test('an event stream arrives piece by piece', async () => {
      let goOn!: () => void;
      const mayGoOn = new Promise<void>((resolve) => (goOn = resolve));
      function application(_environ: Environ, startResponse: StartResponse): Body {
        startResponse('200 OK', [['Content-Type', 'text/event-stream']]);
        return (async function* () {
          yield Buffer.from(':\n\n');
          await mayGoOn;
          yield Buffer.from('data: x\n\n');
        })();
      }
      const gateway = await serve(protocol, application);
      const { port } = gateway.server.address() as AddressInfo;
      const conf = `nginx/${protocol.name}.conf`;
      const values = { mount: '', upstream: `127.0.0.1:${port}` };
      running = await startNginx({
        conf,
        values,
        text: (listen) =>
          renderConf(conf, {
            ...values,
            name: 'app',
            serverName: 'localhost',
            listen: `127.0.0.1:${listen}`,
          }).replace('_buffering off;', '_buffering on;'),
      });
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        get(running!.url, { agent: false }, resolve).on('error', reject);
      });
      const pieces: string[] = [];
      for await (const piece of response.setEncoding('latin1')) {
        pieces.push(piece as string);
        goOn();
      }
      expect(pieces).toEqual([':\n\n', 'data: x\n\n']);
      expect(response.headers['incremental']).toBe('?1');
      expect(response.headers).not.toHaveProperty('x-accel-buffering');
    });
  });
}
