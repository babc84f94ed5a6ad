/**
 * Hostile input for the FastCGI gateway: conversations, made or recorded, whose records are damaged, out of order, cut
 * and joined. After any of it the process is alive, the next request is served, what was sent was FastCGI, every body
 * is closed once, and nothing is held.
 */

import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { Answer, TYPE, encodeRequest, judge } from '../fastcgi/peer.ts';
import type { Peer } from '../fastcgi/peer.ts';
import { Service } from '../fastcgi/service.ts';
import { RecordParser } from '../suite/fastcgi-client.ts';
import { BATCH, RUNS, SEED, expectNothingHeld } from './fuzz.ts';
import { arrival, conversation, encode, mutate, mutations, pieces } from './records.ts';

let service: Service;
beforeAll(async () => {
  service = await Service.start({
    maxConcurrentRequestsPerConnection: 5,
    maxParamsSize: 20_000,
    maxParams: 50,
    maxDrainSize: 20_000,
  });
  await expectServed();
});
afterAll(async () => {
  expect(await service.stop()).toBe(0);
});

const hostile = fc.record({
  conversation,
  mutations,
  arrival,
  leaving: fc.constantFrom('end', 'destroy', 'reset'),
});
type Hostile = typeof hostile extends fc.Arbitrary<infer T> ? T : never;

// ---- what has to hold

/** What comes must be records that belong to requests in the order that the specification has. */
class Judge {
  readonly #parser = new RecordParser();
  readonly #answers = new Map<number, Answer>();
  #total = 0;

  /** @returns whether it has seen enough */
  read(chunk: Buffer): boolean {
    this.#total += chunk.length;
    for (const record of this.#parser.feed(chunk)) {
      judge(record);
      if (record.id === 0) {
        expect([TYPE.GET_VALUES_RESULT, TYPE.UNKNOWN_TYPE]).toContain(record.type);
        continue;
      }
      const answer = this.#answers.get(record.id) ?? new Answer();
      answer.take(record);
      // The id is free, and what comes now belongs to the next request.
      if (answer.end === undefined) this.#answers.set(record.id, answer);
      else this.#answers.delete(record.id);
    }
    return this.#total > 200_000;
  }
}

async function attack({ conversation, mutations, arrival, leaving }: Hostile): Promise<void> {
  const peer = await service.connect();
  const { socket } = peer.frontEnd;
  const judge = new Judge();
  // A good request comes first: it is answered, whatever follows.
  expect((await peer.request({ id: 9, params: { PATH_INFO: '/hello' } })).text).toBe('hello');
  const bytes = Buffer.concat(mutate(conversation, mutations).map(encode));
  for (const piece of pieces(bytes, arrival)) {
    peer.send(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const reading = readAll(peer, judge).catch(rethrowFailures);
  // Some of the applications never answer: no more than what comes in a moment.
  await Promise.race([reading, new Promise((resolve) => setTimeout(resolve, 2))]);
  if (leaving === 'end') socket.end();
  else if (leaving === 'reset') socket.resetAndDestroy();
  else socket.destroy();
  await reading;
}

async function readAll({ frontEnd }: Peer, judge: Judge): Promise<void> {
  for (;;) {
    const step = await frontEnd.output.next();
    if (step.done === true || judge.read(step.value)) return;
  }
}

/** That the connection was reset is no failure. */
function rethrowFailures(error: Error): void {
  if (error.name === 'AssertionError') throw error;
}

async function expectServed(): Promise<void> {
  const peer: Peer = await service.connect();
  const answer = await peer.request({ stdin: 'the body', params: { PATH_INFO: '/echo' } });
  expect(answer.text).toBe('the body');
  peer.leave();
}

test(`${RUNS} conversations [seed ${SEED}]`, { timeout: 60_000 + 100 * RUNS }, async () => {
  const before = await service.holdings();
  for (let run = 0; run < RUNS; run += BATCH) {
    await fc.assert(
      fc.asyncProperty(hostile, async (input) => {
        await attack(input);
        await expectServed();
      }),
      // What is found depends on time: making it smaller finds something else, or nothing.
      { seed: SEED + run, numRuns: Math.min(BATCH, RUNS - run), endOnFailure: true },
    );
    await expectNothingHeld(service, before);
  }
});

test('a request that is damaged at any one place', { timeout: 120_000 }, async () => {
  const whole = encodeRequest({ stdin: 'the body', params: { PATH_INFO: '/echo' } });
  const before = await service.holdings();
  for (let at = 0; at < whole.length; at += RUNS > 1000 ? 1 : 3) {
    for (const byte of [0, 1, 0x80, 0xff]) {
      const damaged = Buffer.from(whole);
      damaged[at] = byte;
      const peer = await service.connect();
      peer.send(damaged, whole);
      await new Promise((resolve) => setImmediate(resolve));
      peer.leave();
    }
  }
  await expectServed();
  await expectNothingHeld(service, before);
});
