/**
 * The sample applications, unchanged, through every gateway: each answer is that of plain node:http,
 * header for header and byte for byte.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { getRequestListener } from '@hono/node-server';
import { beforeAll, describe, expect, it } from 'vitest';

import { listenerOf } from '../../src/apps/frameworks.ts';
import { describeWithServer } from '../servers/availability.ts';
import { startApache } from '../servers/apache.ts';
import { stageModules, stagePackage, stageProgram } from '../servers/staging.ts';
import { startNginx } from '../servers/nginx.ts';
import { startGateway } from '../suite/drivers/gateway.ts';
import { visitAll } from './client.ts';
import type { Answer } from './client.ts';

const APPS = join(import.meta.dirname, '../../conf/apps');

interface Sample {
  file: string;
  /** What `--interface` has to say. */
  shape?: 'node';
}

const SAMPLES: readonly Sample[] = [
  { file: 'express.mjs' },
  { file: 'koa.mjs' },
  { file: 'fastify.mjs' },
  { file: 'hono.mjs' },
  { file: 'fetch.mjs' },
  { file: 'node.mjs', shape: 'node' },
];

/** What the samples import. */
const MODULES = `
  compression cookie-parser express express-session multer
  @koa/multer @koa/router koa koa-bodyparser koa-compress koa-range koa-session koa-static
  @fastify/compress @fastify/cookie @fastify/formbody @fastify/multipart @fastify/session @fastify/static fastify hono
`;

interface Running {
  url: string;
  stop(): Promise<void>;
}

/** Plain node:http, and for fetch handlers what runs them on it. */
async function startPlain({ file }: Sample): Promise<Running> {
  const { default: app } = (await import(join(APPS, file))) as { default: unknown };
  const { fetch } = app as { fetch?: (request: Request) => Promise<Response> };
  const listener: RequestListener =
    fetch === undefined
      ? await listenerOf(app)
      : getRequestListener(fetch, { overrideGlobalObjects: false });
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

type SocketGateway = Parameters<typeof startGateway>[0];

function startPostern(
  gateway: SocketGateway,
  { file, shape }: Sample,
): ReturnType<typeof startGateway> {
  const options = shape === undefined ? [] : ['--interface', shape];
  return startGateway(gateway, join(APPS, file), ...options);
}

async function startHttp(sample: Sample): Promise<Running> {
  const gateway = await startPostern('http', sample);
  return { url: `http://127.0.0.1:${gateway.port}`, stop: gateway.stop };
}

function behindNginx(gateway: SocketGateway): (sample: Sample) => Promise<Running> {
  return async (sample) => {
    const process = await startPostern(gateway, sample);
    const upstream = `127.0.0.1:${process.port}`;
    const server = await startNginx({
      conf: `nginx/${gateway}.conf`,
      values: { mount: '', upstream },
    });
    return {
      url: server.url,
      async stop() {
        await server.stop();
        await process.stop();
      },
    };
  };
}

/** A process for each request, started by Apache. */
async function startCgi({ file, shape }: Sample): Promise<Running> {
  const { apps, postern, path } = stagePackage();
  stageModules(MODULES.trim().split(/\s+/));
  const app = stageProgram(
    `POSTERN_INTERFACE=${shape ?? 'auto'} exec '${postern}' '${join(apps, file)}'`,
  );
  return startApache({ conf: 'apache/cgi.conf', values: { mount: '', app, path } });
}

/** @param differs steps that cannot have the same answer */
function defineSamples(
  start: (sample: Sample) => Promise<Running>,
  differs: readonly string[] = [],
): void {
  const comparable = (answers: Answer[]): Answer[] =>
    answers.filter(({ step }) => !differs.includes(step));
  describe.each(SAMPLES)('$file', (sample) => {
    let expected: Answer[];
    let answers: Answer[];

    beforeAll(async () => {
      expected = await answersOf(startPlain(sample));
      answers = await answersOf(start(sample));
    });

    it('answers as under node:http', () => {
      expect(comparable(answers)).toEqual(comparable(expected));
      expect(answers.length).toBe(expected.length);
    });
  });
}

async function answersOf(starting: Promise<Running>): Promise<Answer[]> {
  const running = await starting;
  try {
    return await visitAll(running.url);
  } finally {
    await running.stop();
  }
}

describe('HTTP', () => defineSamples(startHttp));
for (const gateway of ['fastcgi', 'scgi', 'uwsgi'] as const) {
  const name = `${gateway} behind nginx`;
  describeWithServer('nginx', name, () => defineSamples(behindNginx(gateway)));
}
// The samples keep sessions in memory, which ends with the process of a single request.
describeWithServer('apache/cgi.conf', 'CGI in Apache', () =>
  defineSamples(startCgi, ['a session']),
);
