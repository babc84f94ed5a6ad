/** Requests of one connection: how long a small one waits while a large response is sent. */

import { expect, test } from 'vitest';

import type { ApplicationFunction } from '../../src/types.ts';
import { serve } from './kit.ts';
import { encodeRequest } from './peer.ts';

const CHUNK = Buffer.alloc(16 * 1024, 'x');
const LARGE = 32 * 1024 * 1024;

// oxlint-disable-next-line require-await -- it never waits: that is the point
async function* generateAsync(): AsyncGenerator<Buffer> {
  yield* generate();
}

function* generate(): Generator<Buffer> {
  for (let size = 0; size < LARGE; size += CHUNK.length) yield CHUNK;
}

test.each([
  ['a generator', generate],
  ['an async generator', generateAsync],
  ['an array', () => [...generate()]],
])('a small answer does not wait for the large one of %s', async (_, body) => {
  const application: ApplicationFunction = (environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return environ['QUERY_STRING'] === 'small' ? [Buffer.from('small')] : body();
  };
  const gateway = await serve(application);
  const peer = await gateway.connect();
  peer.send(encodeRequest({ id: 1 }));
  await peer.next();
  peer.send(encodeRequest({ id: 2, params: { QUERY_STRING: 'small' } }));
  await peer.reply(2);
  expect(peer.answer(1).body.length).toBeLessThan(1024 * 1024);
  expect((await peer.reply(1)).body.length).toBe(LARGE);
  peer.leave();
});
