import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';

import { makeServer } from '../../adapters/http/index.ts';
import type { SimpleServer } from '../../adapters/http/index.ts';
import { UsageError } from '../../src/errors.ts';
import type { Log } from '../../src/types.ts';
import { Client, hello, parse, request, until, where } from './kit.ts';

let server: SimpleServer;
const connect = (): Promise<Client> => Client.connect(server.address()!);

const logTo = (lines: string[]): Log => ({
  error: (message) => void lines.push(message),
  warn: (message) => void lines.push(message),
  info() {},
  debug() {},
});

afterEach(() => server.close({ timeout: 0 }));

describe('makeServer', () => {
  test('binds the address', async () => {
    server = await makeServer('', 0, hello);
    expect(server.address()).toMatchObject({ address: '127.0.0.1' });
    const { port } = server.address() as AddressInfo;
    await expect(makeServer('127.0.0.1', port, hello)).rejects.toThrow(UsageError);
  });

  test('serves nobody before it is told to', async () => {
    const application = vi.fn(hello);
    server = await makeServer('127.0.0.1', 0, application);
    const client = (await connect()).send(request());
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(application).not.toHaveBeenCalled();
    expect(client.text).toBe('');
  });

  test('handleRequest() serves exactly one, and closes its connection', async () => {
    const application = vi.fn(where);
    server = await makeServer('127.0.0.1', 0, application);
    const first = (await connect()).send(request('GET /1 HTTP/1.1'));
    await server.handleRequest();
    const { headers, body } = parse(await first.rest());
    expect(body).toBe('/1');
    expect(headers).toContain('Connection: close');
    const second = (await connect()).send(request('GET /2 HTTP/1.1'));
    expect(application).toHaveBeenCalledTimes(1);
    await server.handleRequest();
    expect(parse(await second.rest()).body).toBe('/2');
    expect(application).toHaveBeenCalledTimes(2);
  });

  test('handleRequest() waits for one to come, and more of them for as many', async () => {
    server = await makeServer('127.0.0.1', 0, where);
    const both = Promise.all([server.handleRequest(), server.handleRequest()]);
    const clients = [await connect(), await connect()];
    for (const client of clients) client.send(request('GET /x HTTP/1.1'));
    await both;
    for (const client of clients) expect(parse(await client.rest()).body).toBe('/x');
  });

  test('handleRequest() does not count a client that has gone', async () => {
    server = await makeServer('127.0.0.1', 0, where);
    const gone = (await connect()).send(request('GET /gone HTTP/1.1'));
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    gone.leave();
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    const handled = server.handleRequest();
    const here = (await connect()).send(request('GET /here HTTP/1.1'));
    await handled;
    expect(parse(await here.rest()).body).toBe('/here');
  });

  test('handleRequest() is over when its client leaves', async () => {
    server = await makeServer('127.0.0.1', 0, () => new Promise(() => {}));
    const handled = server.handleRequest();
    const client = (await connect()).send(request());
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    client.leave();
    await handled;
  });

  test('serveForever() serves all, until the server is closed', async () => {
    server = await makeServer('127.0.0.1', 0, where);
    const waiting = (await connect()).send(request('GET /0 HTTP/1.1'));
    const served = server.serveForever();
    await waiting.until(/\/0$/);
    const client = await connect();
    for (const path of ['/1', '/2']) {
      client.send(request(`GET ${path} HTTP/1.1`));
      await client.until(new RegExp(`${path}$`));
    }
    await server.close();
    await served;
    await client.rest();
  });

  test('serves of the requests on one connection as many as may wait, once it is told to', async () => {
    let kept = 0;
    const count = (): void => void kept++;
    subscribe('http.server.request.start', count);
    onTestFinished(() => void unsubscribe('http.server.request.start', count));
    const log: string[] = [];
    server = await makeServer('127.0.0.1', 0, where, { log: logTo(log) });
    const many = Array.from({ length: 1000 }, (_, i) => request(`GET /${i} HTTP/1.1`));
    const client = (await connect()).send(many.join(''));
    await until(() => log.length > 0);
    expect(kept).toBe(17); // and the one that was too many
    const served = server.serveForever();
    const text = await client.rest();
    expect(text.match(/(?<=\r\n\r\n)\/\d+/g)).toEqual(
      Array.from({ length: 16 }, (_, i) => `/${i}`),
    );
    expect(text.slice(text.lastIndexOf('HTTP/1.1'))).toContain('Connection: close');
    await server.close();
    await served;
  });

  test('handleRequest() drops what else its client has sent', async () => {
    const application = vi.fn(where);
    const log: string[] = [];
    server = await makeServer('127.0.0.1', 0, application, { log: logTo(log) });
    const client = (await connect()).send(request('GET /x HTTP/1.1').repeat(1000));
    await until(() => log.length > 0);
    await server.handleRequest();
    const { headers, body } = parse(await client.rest());
    expect(client.ending).toBe('closed');
    expect(headers).toContain('Connection: close');
    expect(body).toBe('/x');
    expect(application).toHaveBeenCalledOnce();
    const handled = server.handleRequest();
    const next = (await connect()).send(request('GET /next HTTP/1.1'));
    await handled;
    expect(parse(await next.rest()).body).toBe('/next');
  });

  test('setApp() puts another application in place', async () => {
    server = await makeServer('127.0.0.1', 0, hello);
    expect(server.getApp()).toBe(hello);
    server.setApp(where);
    expect(server.getApp()).toBe(where);
    const handled = server.handleRequest();
    const client = (await connect()).send(request('GET /set HTTP/1.1'));
    await handled;
    expect(parse(await client.rest()).body).toBe('/set');
    expect(() => server.setApp(1 as never)).toThrow(UsageError);
    expect(server.getApp()).toBe(where);
  });

  test('close() lets those go who wait', async () => {
    server = await makeServer('127.0.0.1', 0, hello);
    const client = (await connect()).send(request());
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    const handled = [server.handleRequest(), server.handleRequest()];
    await server.close();
    await Promise.all(handled);
    await client.rest();
    await server.handleRequest();
  });

  test('takes the options of the gateway', async () => {
    server = await makeServer('127.0.0.1', 0, where, { serverHeader: 'mine', scriptName: '/app' });
    const handled = server.handleRequest();
    const client = (await connect()).send(request('GET /app/x HTTP/1.1'));
    await handled;
    const { headers, body } = parse(await client.rest());
    expect(headers).toContain('Server: mine');
    expect(body).toBe('/x');
  });
});
