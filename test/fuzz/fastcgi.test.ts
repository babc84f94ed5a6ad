/**
 * Hostile input for the FastCGI gateway: records that are damaged, out of order, cut and joined. After any of it the
 * process is alive, the next request is served, what was sent was FastCGI, and nothing is held.
 *
 * The same inputs in each run; `npm run fuzz` makes many more. FUZZ_RUNS is how many, FUZZ_SEED where they begin.
 */

import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import {
  Answer,
  TYPE,
  encodeBegin,
  encodePairs,
  encodeParams,
  encodeRecord,
  encodeRequest,
} from '../fastcgi/peer.ts';
import type { Peer } from '../fastcgi/peer.ts';
import { Service } from '../fastcgi/service.ts';
import { cutAt } from '../reader-kit.ts';
import { RecordParser } from '../suite/fastcgi-client.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 400);
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_121);
/** Runs on one connection after the other before the process is looked at. */
const BATCH = 50;

let service: Service;
beforeAll(async () => {
  service = await Service.start({
    maxRequestsPerConnection: 5,
    maxParamsSize: 5000,
    maxParams: 50,
  });
  await expectServed();
});
afterAll(async () => {
  expect(await service.stop()).toBe(0);
});

// ---- what is sent

const id = fc.constantFrom(0, 1, 1, 1, 2, 3, 65_535);
const path = fc.constantFrom('/hello', '/echo', '/never', '/stream', '/error', '/unknown');
const bytes = fc.uint8Array({ maxLength: 40 });
const name = fc.constantFrom(
  'A',
  'CONTENT_LENGTH',
  'PATH_INFO',
  'HTTP_X',
  '__proto__',
  'wsgi.input',
  '',
);
const value = fc.oneof(
  path,
  fc.constantFrom('', '-1', '4', '99999999999', 'x'.repeat(300), '\r\n\0'),
);
const pairs = fc.array(fc.tuple(name, value), { maxLength: 6 }).map((all) => encodePairs(all));
const content = fc.oneof(pairs, bytes, fc.constant(Buffer.alloc(0)));

/** A record of any type, and with any content. */
const anyRecord = fc
  .tuple(fc.oneof(fc.nat(12), fc.nat(255)), id, content, fc.constantFrom(0, 0, 1, 8, 255))
  .map(([type, own, all, padding]) => encodeRecord(type, own, all, padding));

/** Records as they make up requests. */
const goodRecords = fc
  .record({
    id: fc.constantFrom(1, 2, 3),
    role: fc.constantFrom(1, 1, 2, 3, 4),
    keep: fc.boolean(),
    path,
    bytes,
  })
  .map(({ id, role, keep, path, bytes }) => {
    const stdin = Buffer.from(bytes);
    const parts = { id, role, keep, stdin, params: { PATH_INFO: path } };
    const rest = [
      encodeRecord(TYPE.STDIN, id, stdin),
      encodeRecord(TYPE.STDIN, id, Buffer.alloc(0)),
    ];
    return [encodeBegin(parts), ...splitRecords(encodeParams(parts)), ...rest];
  });

const records = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: goodRecords },
      anyRecord.map((record) => [record]),
    ),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((all) => all.flat());

/** What is done to them: some left out, some twice, some changed places. */
const disorder = fc.array(fc.tuple(fc.constantFrom('drop', 'twice', 'swap'), fc.nat(60)), {
  maxLength: 4,
});
/** Bytes that are written over; and where the whole ends early. */
const damage = fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 3 });
const end = fc.oneof({ weight: 3, arbitrary: fc.constant(Infinity) }, fc.nat(2000));
const cuts = fc.array(fc.nat(2000), { maxLength: 10 });
const leaving = fc.constantFrom('end', 'destroy', 'reset');

const hostile = fc.record({ records, disorder, damage, end, cuts, leaving });
type Hostile = typeof hostile extends fc.Arbitrary<infer T> ? T : never;

function piecesOf({ records, disorder, damage, end, cuts }: Hostile): Buffer[] {
  const own = [...records];
  for (const [what, place] of disorder) {
    const at = place % Math.max(1, own.length);
    if (what === 'drop') own.splice(at, 1);
    else if (what === 'twice' && own.length > 0) own.splice(at, 0, own[at]!);
    else if (own.length > 1) own.push(...own.splice(at, 1));
  }
  const whole = Buffer.concat(own);
  for (const [at, byte] of damage) if (at < whole.length) whole[at] = byte;
  return cutAt(whole.subarray(0, Math.min(end, whole.length)), cuts);
}

function splitRecords(bytes: Buffer): Buffer[] {
  const borders = [0];
  for (let at = 0; at < bytes.length; borders.push(at)) {
    at += 8 + bytes.readUInt16BE(at + 4) + bytes[at + 6]!;
  }
  return borders.slice(1).map((border, i) => bytes.subarray(borders[i], border));
}

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
      expect((record.content.length + record.padding.length) % 8).toBe(0);
      expect(record.padding.every((byte) => byte === 0)).toBe(true);
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

async function attack(input: Hostile): Promise<void> {
  const peer = await service.connect();
  const { socket } = peer.frontEnd;
  const judge = new Judge();
  // A good request comes first: it is answered, whatever follows.
  expect((await peer.request({ id: 9, params: { PATH_INFO: '/hello' } })).text).toBe('hello');
  for (const piece of piecesOf(input)) {
    peer.send(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const reading = readAll(peer, judge).catch(rethrowFailures);
  // Some of the applications never answer: no more than what comes in a moment.
  await Promise.race([reading, new Promise((resolve) => setTimeout(resolve, 2))]);
  if (input.leaving === 'end') socket.end();
  else if (input.leaving === 'reset') socket.resetAndDestroy();
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

test(`${RUNS} attacks`, { timeout: 60_000 + 100 * RUNS }, async () => {
  const { descriptors, resources } = await service.holdings();
  for (let run = 0; run < RUNS; run += BATCH) {
    await fc.assert(
      fc.asyncProperty(hostile, async (input) => {
        await attack(input);
        await expectServed();
      }),
      { seed: SEED + run, numRuns: BATCH, endOnFailure: true },
    );
  }
  await vi.waitFor(
    async () => {
      expect(await service.holdings()).toMatchObject({ descriptors, resources, unhandled: 0 });
    },
    { timeout: 10_000 },
  );
});

test(
  'a request that is cut, damaged or doubled at any one place',
  { timeout: 120_000 },
  async () => {
    const whole = encodeRequest({ stdin: 'the body', params: { PATH_INFO: '/echo' } });
    const { descriptors, resources } = await service.holdings();
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
    await vi.waitFor(
      async () => {
        expect(await service.holdings()).toMatchObject({ descriptors, resources, unhandled: 0 });
      },
      { timeout: 10_000 },
    );
  },
);
