/** The sample applications, each one file, unchanged, through every gateway and front end. */

import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { describeWithServer } from '../servers/availability.ts';
import { startHaproxy } from '../servers/haproxy.ts';
import { cgiDriver } from './drivers/cgi.ts';
import { fastCgiDriver } from './drivers/fastcgi.ts';
import * as behind from './drivers/front-ends.ts';
import { startGateway } from './drivers/gateway.ts';
import { httpDriver } from './drivers/http.ts';
import { scgiDriver, uwsgiDriver } from './drivers/socket.ts';
import { openHttp } from './http-client.ts';
import { Incoming } from './incoming.ts';
import { digest, pattern } from './pattern.mjs';
import type { Driver, Response, Service, SuiteRequest } from './types.ts';

const APPS = join(import.meta.dirname, '../../conf/apps');
const LARGE = 32 * 1024 * 1024;
const HELLO = 'Hello, 127.0.0.1! You asked for /\n';

/** Each with what has to be installed for it; a missing server is skipped in plain sight, and fails under CI. */
const DRIVERS: readonly (readonly [driver: Driver, server: string])[] = [
  [cgiDriver, 'node'],
  [fastCgiDriver, 'node'],
  [scgiDriver, 'node'],
  [uwsgiDriver, 'node'],
  [httpDriver, 'node'],
  [behind.apacheCgi, 'apache/cgi.conf'],
  [behind.apacheFastCgi, 'apache/proxy_fcgi.conf'],
  [behind.haproxyFastCgi, 'haproxy'],
  [behind.haproxyMultiplexed, 'haproxy'],
  [behind.nginxFastCgi, 'nginx'],
  [behind.nginxScgi, 'nginx'],
  [behind.nginxUwsgi, 'nginx'],
  [behind.nginxHttp, 'nginx'],
];

async function ask(service: Service, request: SuiteRequest): Promise<Response> {
  const wire = await service.open(request);
  const response = await new Incoming(wire.output, wire.style, request.method ?? 'GET').read(
    Infinity,
  );
  const complete = response.complete && (await wire.clean);
  wire.leave();
  return { ...response, complete };
}

for (const [driver, server] of DRIVERS) {
  describeWithServer(server, driver.name, () => {
    describe('hello.mjs', () => {
      let service: Service;
      beforeAll(async () => {
        service = await driver.start(join(APPS, 'hello.mjs'));
      });
      afterAll(() => service?.stop());

      test('answers', async () => {
        const response = await ask(service, {});
        expect(response.status).toBe(200);
        expect(response.header('content-type')).toMatch(/^text\/plain/);
        expect(response.header('content-length')).toBe(String(HELLO.length));
        expect(response.text).toBe(HELLO);
        expect(response.complete).toBe(true);
      });

      test('answers HEAD with the same headers and no body', async () => {
        const response = await ask(service, { method: 'HEAD' });
        expect(response.status).toBe(200);
        expect(response.header('content-length')).toBe(String(HELLO.length));
        expect(response.body.length).toBe(0);
      });
    });

    describe('site.mjs', () => {
      let service: Service;
      beforeAll(async () => {
        service = await driver.start(join(APPS, 'site.mjs'));
      });
      afterAll(() => service?.stop());

      test.each([
        ['/hello', /^Hello, 127\.0\.0\.1! You asked for \n$/],
        ['/loud/x', /^HELLO, 127\.0\.0\.1! YOU ASKED FOR \/X\n$/],
        ['/node/hello/Ada?greeting=Hi', /^Hi, Ada\n$/],
        ['/home/1', /^Home of .*\/home\/1\n$/],
      ])('%s: %s', async (target, text) => {
        const response = await ask(service, { target });
        expect(response.status).toBe(200);
        expect(response.header('x-frame-options')).toBe('DENY');
        expect(response.text).toMatch(text);
        expect(response.complete).toBe(true);
      });

      test('what is below no prefix is not found', async () => {
        const response = await ask(service, { target: '/hello-world' });
        expect(response.status).toBe(404);
        expect(response.header('x-frame-options')).toBe('DENY');
      });
    });

    // It answers while it still reads, which needs both directions at once. Elsewhere the rows upload and
    // download 32 MiB one after the other.
    const why = driver.cannot.duplex;
    describe.skipIf(why !== undefined)(`echo.mjs${why === undefined ? '' : ` [${why}]`}`, () => {
      let service: Service;
      beforeAll(async () => {
        service = await driver.start(join(APPS, 'echo.mjs'));
      });
      afterAll(() => service?.stop());

      test('sends 32 MiB back byte for byte', async () => {
        const body = Buffer.concat([...pattern(LARGE)]);
        const response = await ask(service, { method: 'POST', body });
        expect(response.complete).toBe(true);
        expect(response.body.length).toBe(LARGE);
        expect(digest([response.body])).toBe(digest(pattern(LARGE)));
      });
    });
  });
}

describeWithServer('haproxy', 'HAProxy, multiplexed', () => {
  test('sends 12 requests at once through one connection', async () => {
    const gateway = await startGateway('fastcgi', join(APPS, 'stream.mjs'));
    // Stands between the two and counts.
    let connections = 0;
    const counter = createServer((front) => {
      connections++;
      const back = connect(gateway.port, '127.0.0.1');
      front.on('error', () => back.destroy()).pipe(back);
      back.on('error', () => front.destroy()).pipe(front);
    });
    counter.listen(0, '127.0.0.1');
    await new Promise((resolve) => counter.once('listening', resolve));
    const { port } = counter.address() as AddressInfo;
    const server = await startHaproxy({
      conf: 'haproxy/fastcgi.cfg',
      values: { multiplex: 'yes', mount: '', upstream: `127.0.0.1:${port}` },
    });
    try {
      const open = () => openHttp(server.port, {});
      // The first one opens the connection and is asked what it can do.
      const first = await open();
      const wires = [first];
      const exchanges = [new Incoming(first.output, 'http', 'GET')];
      await exchanges[0]!.read(1);
      for (let i = 1; i < 12; i++) {
        const wire = await open();
        wires.push(wire);
        exchanges.push(new Incoming(wire.output, 'http', 'GET'));
      }
      // None of them ends by itself: those that have begun are in flight together.
      const begun = await Promise.all(exchanges.map((exchange) => exchange.read(1)));
      expect(begun.map(({ text }) => text.startsWith('data: 1\n'))).toEqual(Array(12).fill(true));
      expect(connections).toBe(1);
      for (const wire of wires) wire.leave();
    } finally {
      await server.stop();
      counter.close();
      await gateway.stop();
    }
  });
});
