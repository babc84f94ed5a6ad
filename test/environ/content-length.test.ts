/** CONTENT_LENGTH, and the header Content-Length that some front ends send beside it: on each gateway behind a web server. */

import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

import { describe, expect, test } from 'vitest';

import { runWithScgi } from '../../adapters/scgi/index.ts';
import { toNode } from '../../src/apps/node/to-node.ts';
import { echo } from '../kit.ts';
import { describeWithServer } from '../servers/availability.ts';
import { startNginx } from '../servers/nginx.ts';
import { GATEWAYS } from './gateways.ts';

describe.each(GATEWAYS)('%s', (gateway, ask) => {
  test.each([
    ['0', '5'], // nginx before 1.29.6 over SCGI, unbuffered: nothing has been read yet
    ['3', '5'],
    ['5', '3'],
    ['5', '5, 5'],
    ['5', '0x5'],
    ['5', ''],
  ])('CONTENT_LENGTH %j and the header %j: refused and logged', async (length, header) => {
    const { head, log } = await ask({
      REMOTE_ADDR: '192.0.2.1',
      CONTENT_LENGTH: length,
      HTTP_CONTENT_LENGTH: header,
    });
    expect(head).toMatch(/^(?:Status: |HTTP\/1\.1 )400 Bad Request$/m);
    expect(log).toContain(
      `192.0.2.1: 400: CONTENT_LENGTH is ${length}, but the header Content-Length "${header}"`,
    );
  });

  test.each([
    ['0', '0'],
    ['0', undefined],
    ['0', '000'],
    // nginx asks so for auth_request: without the body. An SCGI request cannot be without CONTENT_LENGTH.
    ...(gateway === 'scgi' ? [] : [[undefined, '5']]),
  ])('CONTENT_LENGTH %j and the header %j: served', async (length, header) => {
    const { head, body } = await ask({
      REQUEST_METHOD: 'POST',
      ...(length !== undefined && { CONTENT_LENGTH: length }),
      ...(header !== undefined && { HTTP_CONTENT_LENGTH: header }),
    });
    expect(head).toMatch(/ 200 OK$/m);
    expect(body).not.toContain('HTTP_CONTENT_LENGTH');
  });
});

test('toNode: a body with its length', async () => {
  const server = createServer(toNode(echo)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'hello' });
  expect(await response.text()).toBe('hello');
  server.close();
});

describeWithServer('nginx/scgi.conf', 'nginx, SCGI, scgi_request_buffering off', () => {
  test('an upload is never cut short in silence', async () => {
    const log: string[] = [];
    const scgi = await runWithScgi(echo, {
      listen: '127.0.0.1:0',
      log: { error() {}, info() {}, debug() {}, warn: (message) => void log.push(message) },
    });
    const upstream = `127.0.0.1:${(scgi.address() as AddressInfo).port}`;
    const nginx = await startNginx({
      conf: 'nginx/scgi.conf',
      values: { upstream, mount: '' },
      extra: 'scgi_request_buffering off;',
    });
    try {
      const client = connect(nginx.port, '127.0.0.1');
      const head = 'POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n';
      client.write(`${head}Content-Length: 10\r\n\r\nhello`);
      let text = '';
      client.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
      const ended = once(client, 'end');
      // By then nginx has turned to the application, unless it is one that tells the true length.
      await new Promise((resolve) => setTimeout(resolve, 200));
      client.write('world');
      await ended;
      if (text.startsWith('HTTP/1.1 200')) expect(text).toMatch(/helloworld$/);
      else {
        expect(text).toMatch(/^HTTP\/1\.1 400 /);
        expect(log.join()).toContain(
          '400: CONTENT_LENGTH is 5, but the header Content-Length "10"',
        );
      }
    } finally {
      await nginx.stop();
      await scgi.close();
    }
  });
});
