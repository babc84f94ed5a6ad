/**
 * The most memory that peers can make a gateway hold: each kind of thing that they can leave half done, on as many
 * connections as are taken, and all kinds at once.
 */

import type { Socket } from 'node:net';

import { afterEach, describe, expect, test } from 'vitest';

import { HOLD_TIME } from '../../src/limits.ts';
import { Service } from '../fastcgi/service.ts';
import { TYPE, encodeBegin, encodePairs, encodeRecord, encodeStream } from '../fastcgi/peer.ts';
import { encodeRequest as encodeScgi } from '../scgi/client.ts';
import { encodeRequest as encodeUwsgi } from '../uwsgi/client.ts';

const MIB = 1024 * 1024;
/** As many as make each gateway pass the limit, were there none. */
const CONNECTIONS = { scgi: 1200, uwsgi: 1200, fastcgi: 400, http: 1200 };
const LIMIT = 32 * MIB;

/** Beside what is counted: what a connection and its request take by themselves. */
const PER_CONNECTION = 32 * 1024;

type Pairs = [string, string][];

/** Requests differ, for what is the same is kept once. */
let count = 0;
const filler = (length: number): string => String(count++).padEnd(length, 'x');

const path = (name: string): Pairs => [
  ['CONTENT_LENGTH', '0'],
  ['REQUEST_METHOD', 'POST'],
  ['PATH_INFO', name],
];
/** Some 60 KiB in one variable, and in as many as may be. */
const large = (): Pairs => [...path('/never'), ['HTTP_X', filler(60_000)]];
const many = (): Pairs => [
  ...path('/never'),
  ...Array.from({ length: 900 }, (_, i): [string, string] => [`HTTP_X${i}`, filler(40)]),
];
const body = (): Pairs => [['CONTENT_LENGTH', '10000000'], ...path('/never').slice(1)];
const BYTES = Buffer.alloc(300_000);

type Encode = (pairs: Pairs) => Buffer;

/** What connections send that carry one request. */
const single = (encode: Encode) => ({
  'variables that do not end': () => encode(large()).subarray(0, -1000),
  'large variables': () => encode(large()),
  'many variables': () => encode(many()),
  'bodies that are not read': () => Buffer.concat([encode(body()), BYTES]),
  'responses that are not taken': () => encode(path('/whole')),
});

const fcgi = (id: number, pairs: Pairs): Buffer =>
  Buffer.concat([encodeBegin({ id }), encodeStream(TYPE.PARAMS, id, encodePairs(pairs))]);
const twenty = (encode: (id: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: 20 }, (_, i) => encode(i + 1)));
const byte = encodeRecord(TYPE.STDIN, 1, Buffer.from('x'));

const post = (...headers: string[]): string =>
  `POST /never HTTP/1.1\r\n${headers.join('\r\n')}\r\n`;
const headers = (): string[] =>
  Array.from({ length: 90 }, (_, i) => `${i === 0 ? 'Host' : `X-${i}`}: ${filler(330)}`);

const ATTACKS = {
  scgi: single(encodeScgi),
  uwsgi: single(encodeUwsgi),
  fastcgi: {
    ...single((pairs) => fcgi(1, pairs)),
    'variables that do not end, of twenty requests': () =>
      twenty((id) => fcgi(id, large()).subarray(0, -8)),
    'large variables of twenty requests': () => twenty((id) => fcgi(id, large())),
    'many variables of twenty requests': () => twenty((id) => fcgi(id, many())),
    'bodies that are not read': () =>
      Buffer.concat([fcgi(1, body()), encodeStream(TYPE.STDIN, 1, BYTES, 50_000)]),
    'bodies that come byte by byte': () =>
      Buffer.concat([fcgi(1, body()), ...Array<Buffer>(70_000).fill(byte)]),
    'bodies of twenty requests at once': () =>
      Buffer.concat([
        twenty((id) => fcgi(id, body())),
        twenty((id) => encodeStream(TYPE.STDIN, id, BYTES.subarray(100_000), 50_000)),
      ]),
  },
  http: {
    'heads that do not end': () => post(...headers()),
    'large heads': () => `${post(...headers(), 'Content-Length: 10')}\r\n`,
    'bodies that are not read': () =>
      Buffer.concat([Buffer.from(`${post('Host: a', 'Content-Length: 10000000')}\r\n`), BYTES]),
    'pipelined requests': () => `${post('Host: a')}\r\n`.repeat(3000),
    'responses that are not taken': () => 'GET /whole HTTP/1.1\r\nHost: a\r\n\r\n',
  },
} as const;

let service: Service | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  expect(await service?.stop()).toBe(0);
});

describe.each(Object.entries(ATTACKS))('%s', (gateway, attacks) => {
  const connections = CONNECTIONS[gateway as keyof typeof ATTACKS];
  const all = Object.entries(attacks as Record<string, () => string | Buffer>);
  const kinds = [
    ...all.map(([name, attack]) => [name, [attack]] as const),
    ['all of them', all.map(([, attack]) => attack)] as const,
  ].filter(([name]) => /(?:bodies that are not read|twenty|all)/.test(name));

  test.each(kinds)('%s', { timeout: 120_000 }, async (_, kind) => {
    const options = {
      maxConnections: connections,
      maxBufferedSize: LIMIT,
      maxSpoolTotalSize: LIMIT,
    };
    service = await Service.start(options, gateway as keyof typeof ATTACKS);
    const before = await service.holdings();
    for (let i = 0; i < connections; i++) {
      const socket = await service.open();
      sockets.push(socket);
      socket.on('error', () => {}); // it is refused
      socket.pause();
      socket.write(kind[i % kind.length]!());
    }
    let held = await heldBy(service);
    for (let last = -1; Math.abs(held - last) > MIB; held = await heldBy(service)) last = held;
    expect(held - before.held).toBeLessThan(LIMIT + connections * PER_CONNECTION);
  });
});

/** Live objects and buffers, after a while in which bodies move on to the spool. */
async function heldBy(running: Service): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 3 * HOLD_TIME));
  return (await running.holdings()).held;
}
