/**
 * Pipelines of HTTP requests, of all kinds, cut anywhere: every response belongs to its request, in order, and there is
 * none behind the one that says that it is the last.
 */

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { fromNode } from '../../src/apps/node/node.ts';
import type { Application } from '../../src/types.ts';
import { request, serve } from '../http/kit.ts';
import type { Running } from '../http/kit.ts';
import { RUNS, SEED } from './fuzz.ts';

const HEADERS: Readonly<Record<string, string[]>> = {
  plain: [],
  large: [`X: ${'x'.repeat(3000)}`],
  hopeful: ['Connection: upgrade'],
  upgrade: ['Connection: Upgrade', 'Upgrade: websocket'],
  bareUpgrade: ['Upgrade: h2c'],
  last: ['Connection: close'],
  twoTypes: ['Content-Type: a/b', 'Content-Type: c/d'],
};

const item = fc.record({
  path: fc.constantFrom('/now', '/now', '/now', '/soon', '/stream', '/much'),
  // Mostly such as do not end the connection.
  headers: fc.constantFrom(
    'plain',
    'plain',
    'plain',
    'plain',
    'plain',
    'large',
    ...Object.keys(HEADERS),
  ),
  body: fc.constantFrom(undefined, undefined, undefined, 'length', 'chunks'),
  instead: fc.constantFrom(...Array.from({ length: 60 }, () => undefined), 'CONNECT', 'nonsense'),
});
type Item = typeof item extends fc.Arbitrary<infer T> ? T : never;

/** Looks like a request to whoever loses the count. */
const BODY = request('GET /smuggled HTTP/1.1');

function encode({ path, headers, body, instead }: Item, id: number): string {
  if (instead === 'CONNECT') return 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n';
  if (instead === 'nonsense') return 'nonsense\r\n\r\n';
  const line = `${body === undefined ? 'GET' : 'POST'} ${path}/${id} HTTP/1.1`;
  const more = HEADERS[headers]!;
  if (body === undefined) return request(line, ...more);
  if (body === 'length') return request(line, ...more, `Content-Length: ${BODY.length}`) + BODY;
  const chunk = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
  return request(line, ...more, 'Transfer-Encoding: chunked') + chunk;
}

/** What is answered when all are taken: status and path. */
function expected(items: readonly Item[]): string[] {
  const answers: string[] = [];
  for (const [id, { path, headers, instead }] of items.entries()) {
    if (instead === 'CONNECT') return [...answers, '501'];
    if (instead === 'nonsense' || headers === 'twoTypes') return [...answers, '400'];
    answers.push(`200 ${path}/${id}`);
    if (['upgrade', 'bareUpgrade', 'last'].includes(headers)) break;
  }
  return answers;
}

const MUCH = '.'.repeat(100_000);

/** Each of its kinds answers with the path. */
const application: Application = async (environ, startResponse) => {
  const { PATH_INFO: path } = environ;
  const body = Buffer.from(path.startsWith('/much') ? path + MUCH : path);
  if (path.startsWith('/soon')) {
    await new Promise((resolve) => setImmediate(resolve));
    await environ['wsgi.input'].read();
  }
  startResponse('200 OK', []);
  if (!path.startsWith('/stream')) return [body];
  return (async function* () {
    yield body.subarray(0, 3);
    await new Promise((resolve) => setImmediate(resolve));
    yield body.subarray(3);
  })();
};

/** The same without a promise where that can be. */
const atOnce: Application = (environ, startResponse) => {
  if (!environ.PATH_INFO.startsWith('/now')) return application(environ, startResponse);
  startResponse('200 OK', []);
  return [Buffer.from(environ.PATH_INFO)];
};

const listener = fromNode((req, res) => {
  const path = req.url!;
  const end = (): void => void res.end(path.startsWith('/much') ? path + MUCH : path);
  if (path.startsWith('/soon')) req.on('end', () => setImmediate(end)).resume();
  else if (path.startsWith('/stream')) {
    res.write(path.slice(0, 3));
    setImmediate(() => res.end(path.slice(3)));
  } else end();
});

/** Status and body of all responses in a text; those that say that they are the last end with a bang. */
function responsesOf(text: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\r\n\r\n', at) + 4;
    const head = text.slice(at, end);
    expect(head).toMatch(/^HTTP\/1\.1 \d{3} /);
    let body = '';
    at = end;
    const length = /content-length: (\d+)/i.exec(head);
    if (length !== null) body = text.slice(at, (at += Number(length[1])));
    else {
      for (let size = -1; size !== 0; at += size + 2) {
        const line = text.indexOf('\r\n', at);
        size = Number.parseInt(text.slice(at, line), 16);
        body += text.slice(line + 2, line + 2 + size);
        at = line + 2;
      }
    }
    const status = head.slice('HTTP/1.1 '.length, 'HTTP/1.1 '.length + 3);
    const shown = status === '200' ? `200 ${body.replaceAll('.', '')}` : status;
    found.push(/connection: close/i.test(head) ? `${shown}!` : shown);
  }
  return found;
}

/** Where what is sent is cut into pieces, each with a turn of its own. */
const cuts = fc.array(fc.nat(20_000), { maxLength: 12 });

async function run(gateway: Running, items: readonly Item[], at: readonly number[]): Promise<void> {
  const client = await gateway.connect();
  const all: Item[] = [
    ...items,
    { path: '/now', headers: 'last', body: undefined, instead: undefined },
  ];
  const bytes = Buffer.from(all.map((one, id) => encode(one, id)).join(''), 'latin1');
  const ends = [...at.filter((end) => end < bytes.length), bytes.length].toSorted((a, b) => a - b);
  for (const [i, end] of ends.entries()) {
    client.send(bytes.subarray(ends[i - 1] ?? 0, end));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const responses = responsesOf(await client.rest());
  const wanted = expected(all);
  expect(client.ending).toBe('closed');
  expect(responses.length).toBeGreaterThan(0);
  expect(responses.map((shown) => shown.replace('!', ''))).toEqual(
    wanted.slice(0, responses.length),
  );
  expect(responses.slice(0, -1).filter((shown) => shown.endsWith('!'))).toEqual([]);
  if (responses.length < wanted.length) expect(gateway.log.join()).toContain('too many pipelined');
}

describe.each([
  ['an application', application],
  ['an application that answers at once', atOnce],
  ['a Node listener', listener],
])('for %s', (_kind, served) => {
  test(`${RUNS} pipelines [seed ${SEED}]`, { timeout: 60_000 + 100 * RUNS }, async () => {
    const gateway = await serve(served);
    await fc.assert(
      fc.asyncProperty(fc.array(item, { maxLength: 120, size: 'max' }), cuts, async (items, at) => {
        gateway.log.length = 0;
        await run(gateway, items, at);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });
});
