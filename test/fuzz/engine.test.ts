/**
 * The same hostile conversations for the second engine. What it answers is its own affair, and so is what it holds of
 * connections that are open; but its process lives, and serves the next request.
 */

import * as fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';

import { encodeRequest } from '../fastcgi/peer.ts';
import { Service } from '../fastcgi/service.ts';
import { RUNS, SEED, expectNothingHeld } from './fuzz.ts';
import { arrival, conversation, encode, mutate, mutations, pieces } from './records.ts';

const hostile = fc.record({
  conversation,
  mutations,
  arrival,
  leaving: fc.constantFrom('destroy', 'resetAndDestroy'),
});

test(
  `node-fastcgi: ${RUNS} conversations [seed ${SEED}]`,
  { timeout: 60_000 + 100 * RUNS },
  async () => {
    const service = await Service.start({ engine: 'node-fastcgi' });
    onTestFinished(async () => void (await service.stop()));
    const expectServed = async (): Promise<void> => {
      const peer = await service.open();
      peer.write(encodeRequest({ keep: false, params: { PATH_INFO: '/hello' } }));
      let answer = '';
      for await (const chunk of peer) answer += String(chunk);
      expect(answer).toContain('hello');
    };
    await expectServed();
    const before = await service.holdings();
    await fc.assert(
      fc.asyncProperty(hostile, async ({ conversation, mutations, arrival, leaving }) => {
        const socket = await service.open();
        socket.on('error', () => {});
        const bytes = Buffer.concat(mutate(conversation, mutations).map(encode));
        for (const piece of pieces(bytes, arrival)) {
          socket.write(piece);
          await new Promise((resolve) => setImmediate(resolve));
        }
        await new Promise((resolve) => setTimeout(resolve, 2));
        socket[leaving]();
        await expectServed();
      }),
      { seed: SEED, numRuns: RUNS, endOnFailure: true },
    );
    await expectNothingHeld(service, before);
    expect(await service.stop()).toBe(0);
  },
);
