/**
 * Hostile input for the gateways whose requests come one after the other: requests that are damaged, doubled, and cut
 * anywhere. What holds afterwards is the same as for FastCGI.
 */

import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';

import { Service } from '../fastcgi/service.ts';
import { damage, damages } from '../reader-kit.ts';
import { encodeRequest as encodeScgi } from '../scgi/client.ts';
import { encodeRequest as encodeUwsgi } from '../uwsgi/client.ts';
import { BATCH, RUNS, SEED, expectNothingHeld } from './fuzz.ts';
import { arrival, pieces } from './records.ts';

interface Protocol {
  encode(path: string, body: string): Buffer;
  /** How a response begins. */
  readonly begins: RegExp;
}

function variables(path: string, body: string): [string, string][] {
  return [
    ['CONTENT_LENGTH', String(body.length)],
    ['REQUEST_METHOD', 'POST'],
    ['PATH_INFO', path],
    ['HTTP_X', 'caf\xc3\xa9 \xff'],
  ];
}

const PROTOCOLS: Readonly<Record<'scgi' | 'uwsgi' | 'http', Protocol>> = {
  scgi: {
    encode: (path, body) => encodeScgi(variables(path, body), body),
    begins: /^Status: \d{3} /,
  },
  uwsgi: {
    encode: (path, body) => encodeUwsgi(variables(path, body), body),
    begins: /^HTTP\/1\.\d \d{3} /,
  },
  http: {
    encode(path, body) {
      const isChunked = body.length % 2 > 0;
      const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`;
      const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${framing}\r\nExpect: 100-continue`;
      const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      return Buffer.from(`${head}\r\n\r\n${isChunked ? chunk : body}`, 'latin1');
    },
    begins: /^HTTP\/1\.1 \d{3} /,
  },
};

const hostile = fc.record({
  path: fc.constantFrom('/hello', '/echo', '/never', '/stream', '/error', '/other'),
  body: fc.string({ unit: 'binary-ascii', maxLength: 40 }),
  twice: fc.boolean(),
  damages,
  arrival,
  leaving: fc.constantFrom('end', 'destroy', 'resetAndDestroy'),
});
type Hostile = typeof hostile extends fc.Arbitrary<infer T> ? T : never;

async function attack(
  service: Service,
  { encode, begins }: Protocol,
  input: Hostile,
): Promise<void> {
  const socket = (await service.open()).on('error', () => {}); // a reset is an end, too
  let answer = '';
  // No more than the beginning: some of the responses are large.
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1', 0, 100);
    if (answer.length > 1000) socket.pause();
  });
  const closed = new Promise((resolve) => void socket.on('close', resolve));
  const request = damage(encode(input.path, input.body), input.damages);
  const bytes = input.twice ? Buffer.concat([request, request]) : request;
  for (const piece of pieces(bytes, input.arrival)) {
    socket.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  // Some of the applications never answer: no more than what comes in a moment.
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 2))]);
  socket.resume()[input.leaving as 'end' | 'destroy' | 'resetAndDestroy']();
  // A front end that has closed its side is not sent for ever.
  if (input.leaving === 'end') setTimeout(() => socket.destroy(), 20);
  await closed;
  if (answer !== '') expect(answer).toMatch(begins);
}

async function expectServed(service: Service, { encode, begins }: Protocol): Promise<void> {
  const socket = await service.open();
  socket.write(encode('/hello', 'body'));
  let answer = '';
  for await (const chunk of socket) {
    answer += String(chunk);
    if (answer.endsWith('hello')) break;
  }
  expect(answer).toMatch(begins);
  expect(answer).toMatch(/\r\n\r\nhello$/);
}

describe.each(Object.entries(PROTOCOLS))('%s', (name, protocol) => {
  test(`${RUNS} requests [seed ${SEED}]`, { timeout: 60_000 + 100 * RUNS }, async () => {
    // HTTP has headers instead of variables.
    const limits = {
      closeTimeout: 1000,
      ...(name === 'http' ? { maxHeaderSize: 5000 } : { maxVariablesSize: 5000 }),
    };
    const service = await Service.start(limits, name as keyof typeof PROTOCOLS);
    onTestFinished(async () => void (await service.stop()));
    await expectServed(service, protocol);
    const before = await service.holdings();
    for (let run = 0; run < RUNS; run += BATCH) {
      await fc.assert(
        fc.asyncProperty(hostile, async (input) => {
          await attack(service, protocol, input);
          await expectServed(service, protocol);
        }),
        { seed: SEED + run, numRuns: Math.min(BATCH, RUNS - run), endOnFailure: true },
      );
      await expectNothingHeld(service, before);
    }
    expect(await service.stop()).toBe(0);
  });
});
