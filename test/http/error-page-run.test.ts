/** The error page of development: from where errors reach it, and what happens while it is made. */

import { request as nodeRequest } from 'node:http';

import { describe, expect, test } from 'vitest';

import { fromFetch, fromNode } from '../../src/index.ts';
import type { Application } from '../../src/index.ts';
import { BARE, BROWSER, ask, bytes, failing } from './error-page-kit.ts';
import { parse, serve, signal } from './kit.ts';

describe('an error reaches it from', () => {
  const cause = new Error('the reason');
  const applications: [string, Application][] = [
    ['an application', () => Promise.reject(cause)],
    [
      'a body, before anything was sent',
      async function* (_environ, startResponse) {
        startResponse('200 OK', []);
        yield Buffer.alloc(0);
        throw cause;
      },
    ],
    [
      'a class',
      class {
        constructor() {
          throw cause;
        }
        [Symbol.iterator](): never {
          throw cause;
        }
      },
    ],
    [
      'a fetch handler',
      fromFetch(() => {
        throw cause;
      }),
    ],
    ['an asynchronous fetch handler', fromFetch(() => Promise.reject(cause))],
    [
      'a Node listener',
      fromNode(() => {
        throw cause;
      }),
    ],
    ['an asynchronous Node listener', fromNode((() => Promise.reject(cause)) as never)],
    [
      'a Node listener that has set headers',
      fromNode((_req, res) => {
        res.setHeader('Content-Encoding', 'gzip');
        throw cause;
      }),
    ],
  ];

  test.each(applications)('%s', async (_name, application) => {
    const { status, headers, body, errors } = await ask({}, application);
    expect(status).toBe('HTTP/1.1 500 Internal Server Error');
    expect(headers.filter((line) => /^content-(?:type|length|encoding)/i.test(line))).toEqual([
      'Content-Type: text/html; charset=utf-8',
      `Content-Length: ${body.length}`,
    ]);
    expect(body).toContain('the reason');
    expect(errors).toMatch(/^Error: the reason\n/);
  });

  test.each(applications)('%s, for those who may see it alone', async (_name, application) => {
    const { body } = await ask({ headers: { Host: 'example.org' } }, application);
    expect(body).toBe(BARE);
  });

  test('nothing that has begun to answer', async () => {
    const { status, body } = await ask({}, async function* (_environ, startResponse) {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      yield Buffer.from('begun');
      throw cause;
    });
    expect(status).toBe('HTTP/1.1 200 OK');
    expect(body).toBe('5\r\nbegun\r\n');
  });

  test('no request that is wrong', async () => {
    const { status, body } = await ask({ headers: { 'Content-Length': 'x' } });
    expect(status).toBe('HTTP/1.1 400 Bad Request');
    expect(body).not.toContain('<');
  });
});

/** Throws what cannot be looked at. */
const shy = (): never => {
  throw new Proxy(new Error('the reason'), {
    get(target, name): unknown {
      if (name === 'message') throw new Error('look away');
      return Reflect.get(target, name);
    },
  });
};

describe('while it is made', () => {
  test('the body is not closed twice', async () => {
    let closed = 0;
    const body = {
      [Symbol.iterator]: () => ({
        next(): never {
          throw new Error('the reason');
        },
      }),
      close: () => void closed++,
    };
    const { body: page } = await ask({}, () => body);
    expect(page).toContain('the reason');
    expect(closed).toBe(1);
  });

  test('the application has no say any more', async () => {
    const outcomes: unknown[] = [];
    const late = signal();
    const { body } = await ask({}, (_environ, startResponse) => {
      const write = startResponse('200 OK', [['Content-Type', 'text/plain']]);
      queueMicrotask(() => {
        for (const attempt of [() => write('late'), () => startResponse('200 OK', [], null)]) {
          try {
            attempt();
            outcomes.push('done');
          } catch (error) {
            outcomes.push((error as Error).message);
          }
        }
        late.fire();
      });
      throw new Error('the reason');
    });
    await late.promise;
    expect(outcomes).toEqual([
      'write() was called after the response had ended',
      'startResponse() was called after an error',
    ]);
    expect(body).toContain('the reason');
    expect(body).not.toContain('>late<');
  });

  test('a client may leave', async () => {
    const closed = signal();
    const { connect, talk, log } = await serve(
      () => ({
        [Symbol.iterator]: () => ({
          next(): never {
            throw new Error('the reason');
          },
        }),
        close: closed.fire,
      }),
      { errorPage: true },
    );
    const client = await connect();
    client.send(bytes());
    client.leave();
    await closed.promise;
    expect(await talk(bytes())).toContain('the reason');
    expect(log).toEqual([]);
  });

  test('more requests of the connection wait for it', async () => {
    let calls = 0;
    const { talk } = await serve(
      (_environ, startResponse) => {
        if (calls++ === 0) throw new Error('the reason');
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        return [Buffer.from('the second')];
      },
      { errorPage: true },
    );
    const kept = bytes({ headers: { Connection: undefined } });
    const answer = await talk(kept + bytes());
    expect(answer).toMatch(/^HTTP\/1\.1 500 [^]*the reason[^]*HTTP\/1\.1 200 OK[^]*the second$/);
  });

  test.each<[string, Application]>([
    ['an application', shy],
    ['a Node listener', fromNode(shy)],
  ])(
    'an error of %s that cannot be looked at is answered with the bare 500',
    async (_, application) => {
      const { talk, log, errors } = await serve(application, { errorPage: true });
      expect(parse(await talk(bytes())).body).toBe(BARE);
      expect(errors).toHaveLength(1);
      expect(log.join('')).toContain('the error page failed: Error: look away');
    },
  );

  test('an upload that nobody reads is no obstacle', async () => {
    const { port } = await serve(failing, { errorPage: true });
    const headers = { ...BROWSER, 'Content-Length': 100_000 };
    const outgoing = nodeRequest({ port, host: '127.0.0.1', method: 'POST', headers });
    const page = new Promise<string>((resolve, reject) => {
      outgoing.on('error', reject).on('response', (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve(text));
      });
    });
    outgoing.end(Buffer.alloc(100_000));
    expect(await page).toContain('the reason');
  });
});
