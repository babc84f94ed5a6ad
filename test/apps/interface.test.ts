import { once } from 'node:events';
import { createServer } from 'node:http';

import connect from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { describe, expect, it } from 'vitest';

import { adaptApplication, countServers, looksLikeApplication } from '../../src/apps/interface.ts';
import type { Interface } from '../../src/apps/interface.ts';
import { UsageError } from '../../src/errors.ts';
import type { ApplicationFunction, StartResponse } from '../../src/types.ts';
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
    ['an http.Server', createServer((_, res) => void res.end('hello'))],
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

describe('a wrong guess ends in an error that names the remedy:', () => {
  it.each<[string, unknown, string]>([
    [
      'a listener',
      (req: object, res: { end(text: string): void }) => res.end(`hello ${req}`),
      'node',
    ],
    [
      'one that answers later',
      (_: object, res: { end(): void }) => void setTimeout(() => res, 1),
      'node',
    ],
    ['an async one', async (req: { on(): void }, _res: object) => req.on(), 'node'],
    ["Koa's callback", koa.callback(), 'node'],
    [
      'a fetch handler of two arguments',
      (request: Request, context: unknown) => hello(request, context),
      'fetch',
    ],
    ['an async one of none', async () => new Response('hello'), 'fetch'],
  ])('%s', async (_, exported, shape) => {
    const one = visit(await adaptApplication(exported));
    expect((await one.read()).status).toBe(500);
    await one.done;
    expect(one.errors).toContain(`--interface ${shape}`);
  });

  it('but an error of an application stays what it is', async () => {
    const app = await adaptApplication((environ: object, startResponse: object) => {
      throw new TypeError(`my own, ${typeof environ} and ${typeof startResponse}`);
    });
    const one = visit(app);
    expect((await one.read()).status).toBe(500);
    await one.done;
    expect(one.errors).toContain('TypeError: my own');
    expect(one.errors).not.toContain('--interface');
  });
});

it('a module that listens by itself is noticed', async () => {
  const before = countServers();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  expect(countServers()).toBe(before + 1);
  await new Promise((resolve) => server.close(resolve));
});
