/**
 * Connections that are read in turn, each a piece at a time: all are read into the same memory, and what is needed of
 * it for longer must be a copy.
 */

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import type { Environ, StartResponse } from '../../src/types.ts';
import { serve } from './kit.ts';
import {
  TYPE,
  encodeBegin,
  encodePairs,
  encodeParams,
  encodeRecord,
  encodeStream,
} from './peer.ts';
import type { Peer } from './peer.ts';

/** Answers with all that came. */
async function reflect(environ: Environ, startResponse: StartResponse): Promise<Buffer[]> {
  const body = await environ['wsgi.input'].read();
  const variables = Object.entries(environ).filter(([name]) => name.startsWith('HTTP_'));
  startResponse('200 OK', [['Content-Type', 'application/octet-stream']]);
  return [Buffer.from(JSON.stringify(variables)), body];
}

const letters = (min: number, max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'abcdefgh'), minLength: min, maxLength: max });
const request = fc.record({
  value: letters(0, 300),
  other: letters(1, 20),
  stdin: fc.oneof(fc.constant(''), letters(1, 400), letters(9000, 9100)),
});
type Made<A> = A extends fc.Arbitrary<infer T> ? T : never;
type Request = Made<typeof request>;
/** What a connection carries: requests that overlap, in pieces of these sizes. */
const traffic = fc.record({
  requests: fc.array(request, { minLength: 1, maxLength: 4 }),
  sizes: fc.array(fc.nat(400), { minLength: 1, maxLength: 12 }),
});

/** With a management record in the middle of it, which may be cut, too. */
function encode({ value, other, stdin }: Request, index: number): Buffer {
  const id = index + 1;
  const parts = { id, params: { HTTP_A: value, HTTP_B: other }, stdin };
  const names = encodePairs([[other, '']]);
  return Buffer.concat([
    encodeBegin(parts),
    encodeRecord(TYPE.GET_VALUES, 0, names),
    encodeParams(parts),
    encodeStream(TYPE.STDIN, id, Buffer.from(stdin)),
  ]);
}

function expected({ value, other, stdin }: Request): string {
  return `${JSON.stringify([
    ['HTTP_A', value],
    ['HTTP_B', other],
  ])}${stdin}`;
}

function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let i = 0, at = 0; at < bytes.length; i++) {
    const end = at + sizes[i % sizes.length]! + 1;
    yield bytes.subarray(at, end);
    at = end;
  }
}

/** Sends to all of them in turn, and waits each time until it has been read. */
async function sendInTurn(peers: readonly Peer[], all: readonly Iterator<Buffer>[]): Promise<void> {
  for (let open = true; open;) {
    open = false;
    for (const [i, pieces] of all.entries()) {
      const step = pieces.next();
      if (step.done === true) continue;
      open = true;
      peers[i]!.send(step.value);
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    }
  }
}

test('each gets the answers to its own requests', { timeout: 60_000 }, async () => {
  const gateway = await serve(reflect);
  const three = fc.tuple(traffic, traffic, traffic);
  const carry = async (connections: readonly Made<typeof traffic>[]) => {
    const peers = await Promise.all(connections.map(() => gateway.connect()));
    // From the second read on memory is used again.
    for (const peer of peers) await peer.request();
    const answers = connections.map(async ({ requests }, i) => {
      const bodies: string[] = [];
      for (const index of requests.keys()) bodies.push((await peers[i]!.reply(index + 1)).text);
      return bodies;
    });
    await sendInTurn(
      peers,
      connections.map(({ requests, sizes }) => cut(Buffer.concat(requests.map(encode)), sizes)),
    );
    const wanted = connections.map(({ requests }) => requests.map(expected));
    expect(await Promise.all(answers)).toEqual(wanted);
    for (const peer of peers) peer.leave();
  };
  await fc.assert(fc.asyncProperty(three, carry), { seed: 3, numRuns: 60, endOnFailure: true });
});
