import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';

import { server as hapi } from '@hapi/hapi';
import connect from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import polka from 'polka';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { adaptApplication, countServers, looksLikeApplication } from '../../src/apps/interface.ts';
import type { Interface } from '../../src/apps/shapes.ts';
import { UsageError } from '../../src/errors.ts';
import { toFunction } from '../../src/handler/application.ts';
import type { ApplicationFunction, Environ, StartResponse } from '../../src/types.ts';
import { get, visit } from './kit.ts';

const wsgi: ApplicationFunction = (_, startResponse) => {
  startResponse('200 OK', []);
  return [Buffer.from('hello')];
};

/** A fetch handler's answer to whatever it is given. */
function hello(...given: unknown[]): Response {
  return new Response(given.length > 0 ? 'hello' : 'called without arguments');
}

class Wsgi {
  constructor(_: unknown, startResponse: StartResponse) {
    startResponse('200 OK', []);
  }
  *[Symbol.iterator](): Iterator<Uint8Array> {
    yield Buffer.from('hello');
  }
}

const express = connect().get('/', (_, res) => void res.send('hello'));
const koa = new Koa().use((context) => void (context.body = 'hello'));
koa.silent = true;
const hono = new Hono().get('/', (context) => context.text('hello'));

function makeFastify(): unknown {
  const app = fastify();
  app.get('/', () => 'hello');
  return app;
}

function makeHapi(): unknown {
  const app = hapi();
  let isInitialized = false;
  app.ext('onPreStart', () => void (isInitialized = true));
  app.route({ method: 'GET', path: '/', handler: () => (isInitialized ? 'hello' : 'too early') });
  return app;
}

const sayHello: RequestListener = (_, res) => void res.end('hello');

/**
 * A Nest application has these members (@nestjs/core 12.5: NestApplication, in the Proxy of createAdapterProxy). The
 * package is some hundred others. Before init() it has no routes.
 */
function imitateNest(instance: RequestListener & object): unknown {
  let isInitialized = false;
  const routed: RequestListener = (req, res) =>
    isInitialized ? instance(req, res) : void res.writeHead(404).end();
  const adapter = {
    getInstance: () => Object.assign(routed, { handle() {}, use() {} }),
    // Members of the adapter that the application passes on
    getHttpServer() {},
    listen() {},
    use() {},
  };
  const nest = {
    init: async () => {
      isInitialized = true;
      return nest;
    },
    getHttpAdapter: () => adapter,
    listen: async () => {},
  };
  return new Proxy(nest, {
    get: (target, name) => Reflect.get(name in target ? target : adapter, name) as unknown,
  });
}

/** restify 12 needs Node 22. Its server is an EventEmitter with these members (restify 11.1 and 12.0, lib/server.js). */
function imitateRestify(): unknown {
  const server = createServer(sayHello);
  return Object.assign(new EventEmitter(), { server, router: {}, listen() {}, use() {}, get() {} });
}

describe('is recognised:', () => {
  it.each<[string, unknown]>([
    ['an application function', wsgi],
    ['an application class', Wsgi],
    ['an object with call', { call: wsgi }],
    ['a fetch handler', (request: Request) => hello(request)],
    ['an object with fetch', { fetch: () => new Response('hello') }],
    ['Hono', hono],
    ['Express', express],
    ['Koa', koa],
    ['Fastify', makeFastify()],
    ['hapi', makeHapi()],
    ['polka', polka().get('/', (_, res) => void res.end('hello'))],
    ['NestJS', imitateNest(sayHello)],
    ['restify', imitateRestify()],
    ['an http.Server', createServer(sayHello)],
    ['a listener', (_req: unknown, res: { end(text: string): void }) => res.end('hello')],
    [
      'a listener of h3',
      (nodeReq: object, nodeRes: { end(t: string): void }) =>
        nodeRes.end(`hello${nodeReq ? '' : '?'}`),
    ],
    [
      'one that does not look at the request',
      (_: object, res: { end(text: string): void }) => res.end('hello'),
    ],
    ["Koa's callback", koa.callback()],
    [
      "Next's handler",
      async (req: object, res: { end(t: string): void }, parsedUrl?: object) =>
        res.end(`hello${req && parsedUrl ? '?' : ''}`),
    ],
    [
      "Astro's handler",
      async (...args: [object, { end(text: string): void }, unknown?]) => {
        const [req, res, next] = args;
        res.end(req instanceof Error || next ? 'an error' : 'hello');
      },
    ],
    // Minified: as a middleware it has three arguments.
    [
      'a middleware',
      (_e: object, t: { end(text: string): void }, _n: () => void) => t.end('hello'),
    ],
    [
      'a method',
      {
        handler(_req: object, res: { end(text: string): void }) {
          res.end('hello');
        },
      }.handler,
    ],
    [
      'a fetch handler of two arguments',
      (request: Request, context: unknown) => hello(request, context),
    ],
    ['an async fetch handler', async (req: Request, _ctx: unknown) => hello(req)],
    ['a worker', async (request: Request, env: unknown, _ctx: unknown) => hello(request, env)],
    ['an application whose names say nothing', (...args: Parameters<typeof wsgi>) => wsgi(...args)],
  ])('%s', async (_, exported) => {
    expect(looksLikeApplication(exported)).toBe(true);
    const app = await adaptApplication(exported);
    expect(await get(app)).toMatchObject({ status: 200, text: 'hello' });
  });
});

describe('is taken for what the user says it is:', () => {
  it.each<[string, Interface, unknown]>([
    ['a listener', 'node', (_: unknown, res: { end(text: string): void }) => res.end('hello')],
    ["Koa's callback", 'node', koa.callback()],
    ['Koa', 'node', koa],
    ['Fastify', 'node', makeFastify()],
    [
      'a fetch handler of two arguments',
      'fetch',
      (request: Request, context: unknown) => hello(request, context),
    ],
    ['a fetch handler of none', 'fetch', () => new Response('hello')],
    [
      'an application of one argument',
      'wsgi',
      (...args: Parameters<ApplicationFunction>) => wsgi(...args),
    ],
  ])('%s with --interface %s', async (_, shape, exported) => {
    const app = await adaptApplication(exported, shape);
    expect(await get(app)).toMatchObject({ status: 200, text: 'hello' });
  });
});

describe('is refused in one line:', () => {
  it.each<[Interface, unknown]>([
    ['auto', 42],
    ['auto', 'text'],
    ['auto', null],
    ['auto', {}],
    ['wsgi', hono],
    ['fetch', { call: wsgi }],
    ['fetch', Wsgi],
    ['node', {}],
    ['node', hono],
    ['node', createServer()],
  ])('%s %#', async (shape, exported) => {
    const error = await adaptApplication(exported, shape).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toMatch(/^the application is [^\n]+$/);
  });
});

const start: StartResponse = () => () => undefined;
function doNothing(): void {}

describe('what only the first call shows', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  afterEach(() => void warn.mockClear());

  interface Res {
    end(text?: string): void;
  }
  it.each<[string, unknown, string]>([
    ['a listener', (...[q, s]: [{ url: string }, Res]) => s.end(q.url), 'end() of a response'],
    [
      'one that does not look at the request',
      (...[, s]: [object, Res]) => s.end('x'),
      'end() of a',
    ],
    [
      'an async one',
      async (...[q]: [{ headers: { a: 1 } }]) => q.headers.a,
      'headers of a request',
    ],
    [
      'one that answers later',
      (...[q, s]: [{ method: string }, Res]) => void setTimeout(() => s, q.method ? 2 : 1),
      'method of a request',
    ],
    [
      'one that swallows its error',
      async (...[q]: [{ url: string }]) =>
        void (await Promise.resolve(q.url.length).catch(() => {})),
      'url of a request',
    ],
    ['nothing at all', doNothing, 'returned nothing'],
    ['a fetch handler of no argument', async () => new Response('hello'), 'returned a Response'],
  ])('%s: said once at the terminal, and with each error', async (_, exported, what) => {
    const app = await adaptApplication(exported);
    for (let call = 0; call < 2; call++) {
      const one = visit(app);
      expect((await one.read()).status).toBe(500);
      await one.done;
      expect(one.errors).toContain(what);
      expect(one.errors).toContain('--interface');
    }
    expect(warn).toHaveBeenCalledOnce();
    expect(warn.mock.calls[0]![0]).toContain(what);
  });

  it('an application, which is called as it is from then on', async () => {
    const seen: unknown[][] = [];
    const app = await adaptApplication((...args: Parameters<ApplicationFunction>) => {
      seen.push(args);
      return wsgi(...args);
    });
    const environ = Object.create(null) as Environ;
    for (let call = 0; call < 2; call++) void toFunction(app)(environ, start);
    expect(Object.keys(environ)).toEqual([]);
    expect(seen[1]![1]).toBe(start);
    expect(warn).not.toHaveBeenCalled();
  });

  it('the environ may be given members of these names', async () => {
    const app = await adaptApplication((...[environ, startResponse]: [Odd, StartResponse]) => {
      environ.url = 'mine';
      startResponse('200 OK', []);
      return [Buffer.from(environ.url)];
    });
    expect(await get(app)).toMatchObject({ status: 200, text: 'mine' });
  });
  interface Odd {
    url?: string;
  }

  it('an error of an application stays what it is', async () => {
    for (const exported of [
      (environ: object, startResponse: object) => {
        throw new TypeError(`my own, ${typeof environ} and ${typeof startResponse}`);
      },
      (...args: object[]) => {
        throw new TypeError(`my own, ${args.length}`);
      },
    ]) {
      const one = visit(await adaptApplication(exported));
      expect((await one.read()).status).toBe(500);
      await one.done;
      expect(one.errors).toContain('TypeError: my own');
      expect(one.errors).not.toContain('--interface');
    }
    expect(warn).not.toHaveBeenCalled();
  });
});

it('a module that listens by itself is noticed', async () => {
  const before = countServers();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  expect(countServers()).toBe(before + 1);
  await new Promise((resolve) => server.close(resolve));
});
