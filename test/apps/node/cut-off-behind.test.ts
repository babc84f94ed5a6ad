/** An upload that the visitor of a real web server cuts off, as a Node listener sees it. */

import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';

import { afterEach, expect, it } from 'vitest';

import { runWithFastCgi } from '../../../adapters/fastcgi/index.ts';
import { runWithUwsgi } from '../../../adapters/uwsgi/index.ts';
import { fromNode } from '../../../src/apps/node/node.ts';
import type { Server } from '../../../src/listening/server.ts';
import { describeWithServer } from '../../servers/availability.ts';
import type { RunningServer } from '../../servers/launch.ts';
import { startNginx } from '../../servers/nginx.ts';
import { until } from '../kit.ts';

let gateway: Server | undefined;
let web: RunningServer | undefined;

afterEach(async () => {
  await web?.stop();
  await gateway?.close({ timeout: 0 });
});

const GATEWAYS = [
  // Not SCGI: its CONTENT_LENGTH is what has come by then, so that nginx itself cuts the upload off.
  ['fastcgi', runWithFastCgi],
  ['uwsgi', runWithUwsgi],
] as const;

describeWithServer('nginx', 'behind nginx that passes uploads on as they come', () => {
  it.each(GATEWAYS)('%s: the request is aborted with ECONNRESET', async (name, run) => {
    const seen: string[] = [];
    const log: string[] = [];
    const keep = (message: string): void => void log.push(message);
    const app = fromNode((req, res) => {
      for (const [label, emitter] of Object.entries({ req, res, socket: req.socket })) {
        for (const event of ['aborted', 'end', 'error', 'close']) {
          emitter.on(event, (error: unknown) => {
            const { code = '' } = Object(error) as { code?: string };
            seen.push(`${label} ${event} ${code}`.trim());
          });
        }
      }
      req.once('data', () => seen.push('req data'));
    });
    gateway = await run(app, {
      listen: '127.0.0.1:0',
      log: { error: keep, warn: keep, info() {}, debug() {} },
    });
    const upstream = `127.0.0.1:${(gateway.address() as AddressInfo).port}`;
    web = await startNginx({
      conf: `nginx/${name}.conf`,
      values: { upstream, mount: '' },
      extra: `${name}_request_buffering off;`,
    });
    const visitor = connect(web.port, '127.0.0.1');
    visitor.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\npart');
    await until(() => seen.includes('req data'));
    visitor.destroy();
    await once(visitor, 'close');
    await until(() => seen.includes('req close'));
    expect(seen).toEqual([
      'req data',
      'socket end',
      'socket error ECONNRESET',
      'req aborted',
      'res close',
      'socket close',
      'req error ECONNRESET',
      'req close',
    ]);
    expect(log).toEqual([]); // rule 14
  });
});
