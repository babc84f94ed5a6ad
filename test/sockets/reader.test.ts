/** Reading a socket into memory that is used again, on the Node that runs this. */

import { EventEmitter, once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { READ_SIZE, SocketReader } from '../../src/sockets/reader.ts';
import { temporaryFolder } from '../servers/launch.ts';

interface Read {
  /** What it was read into. */
  memory: ArrayBufferLike;
  /** What was read, as it is later. */
  kept: Buffer;
  /** What it was when it came. */
  text: string;
}

let server: Server;
let sockets: Socket[];
beforeEach(() => {
  sockets = [];
  server = createServer({ allowHalfOpen: true });
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

/** A connection, and its reader, which keeps everything. */
async function open(
  listener: (read: Read, socket: Socket) => void = () => {},
): Promise<{ client: Socket; accepted: Socket; reader: SocketReader; reads: Read[] }> {
  const accepting = once(server, 'connection') as Promise<[Socket]>;
  const client = connect(server.address() as AddressInfo | string as never);
  const [accepted] = await accepting;
  sockets.push(client, accepted);
  const reads: Read[] = [];
  const reader: SocketReader = new SocketReader(accepted, (bytes, length) => {
    const own = bytes.subarray(0, length);
    const read = { memory: bytes.buffer, kept: reader.keep(own), text: own.toString('latin1') };
    reads.push(read);
    listener(read, accepted);
  });
  return { client, accepted, reader, reads };
}

/** Bytes no part of which is like another one. */
function numbered(length: number, first: number): Buffer {
  const numbers = Uint32Array.from({ length: Math.ceil(length / 4) }, (_, i) => i ^ (first << 24));
  return Buffer.from(numbers.buffer).subarray(0, length);
}

/** Sends, and waits until it has been read. */
async function send({ client, reads }: { client: Socket; reads: Read[] }, bytes: Uint8Array) {
  const total = lengthOf(reads) + bytes.length;
  client.write(bytes);
  while (lengthOf(reads) < total) await new Promise((resolve) => setImmediate(resolve));
}

function lengthOf(reads: readonly Read[]): number {
  return reads.reduce((sum, { kept }) => sum + kept.length, 0);
}

function isFull({ kept }: Read): boolean {
  return kept.length === READ_SIZE;
}

describe.each(['TCP', 'a unix socket'])('over %s', (kind) => {
  beforeEach(async () => {
    if (kind === 'TCP') server.listen(0, '127.0.0.1');
    else server.listen(`${temporaryFolder('reader')}/socket`);
    await once(server, 'listening');
  });

  // Not to be skipped on any Node: where this fails, what the module relies on has changed.
  test('all connections are read into the same memory', async () => {
    const one = await open();
    const other = await open();
    for (const { reader } of [one, other]) reader.reuseMemory();
    for (const text of ['a', 'b', 'c']) {
      await send(one, Buffer.from(text));
      await send(other, Buffer.from(text.toUpperCase()));
    }
    const memory = new Set([...one.reads, ...other.reads].map((read) => read.memory));
    expect([...memory].map((buffer) => buffer.byteLength)).toEqual([READ_SIZE]);
    expect(one.reads.map(({ text }) => text)).toEqual(['a', 'b', 'c']);
    expect(other.reads.map(({ text }) => text)).toEqual(['A', 'B', 'C']);
  });

  test('what is kept stays as it came', async () => {
    const connections = [await open(), await open()];
    const sent = ['', ''];
    for (let i = 0; i < 60; i++) {
      const connection = connections[i % 2]!;
      const bytes = numbered(1 + ((i * 7919) % 200_000), i);
      await send(connection, bytes);
      sent[i % 2] += bytes.toString('latin1');
      if (i === 3) for (const { reader } of connections) reader.reuseMemory();
    }
    for (const [i, { reads }] of connections.entries()) {
      expect(reads.map(({ text }) => text).join('') === sent[i]).toBe(true);
      expect(reads.every(({ kept, text }) => kept.toString('latin1') === text)).toBe(true);
    }
  });

  // How much one read finds is the kernel's to say: a full read may follow one that was not.
  test('a full read after a full one is kept without a copy, the first one with one', async () => {
    const connection = await open();
    connection.reader.reuseMemory();
    const { reads } = connection;
    const fullPairs = (): [Read, Read][] =>
      reads
        .slice(1)
        .flatMap((read, i) => (isFull(read) && isFull(reads[i]!) ? [[reads[i]!, read]] : []));
    for (let i = 0; i < 20 && fullPairs().length < 3; i++) {
      await send(connection, Buffer.alloc(40 * READ_SIZE));
    }
    expect(fullPairs().length).toBeGreaterThanOrEqual(3);
    for (const [, read] of fullPairs()) expect(read.kept.buffer === read.memory).toBe(true);
    const first = reads.filter((read, i) => isFull(read) && (i === 0 || !isFull(reads[i - 1]!)));
    for (const { kept, memory } of first) expect(kept.buffer === memory).toBe(false);
  });

  test('a small part does not hold on to the memory of a large read', async () => {
    let held = 0;
    const connection = await open(({ memory }) => {
      const part = Buffer.from(memory as ArrayBuffer, 0, 10);
      if (connection.reader.keep(part).buffer === memory) held++;
    });
    await send(connection, Buffer.alloc(4 * READ_SIZE));
    connection.reader.reuseMemory();
    await send(connection, Buffer.alloc(4 * READ_SIZE));
    expect(held).toBe(0);
  });

  // Of a socket that is paused Node reads once more where it had begun to, as always.
  test.each(['before', 'within'])('a socket that is paused is not read: %s', async (when) => {
    let isFirst = true;
    const connection = await open((_, socket) => {
      if (when === 'within' && isFirst) {
        connection.reader.reuseMemory();
        socket.pause();
      }
      isFirst = false;
    });
    const { client, accepted, reader, reads } = connection;
    if (when === 'before') {
      reader.reuseMemory();
      accepted.pause();
      await sleep(20);
    }
    client.write(Buffer.alloc(20 * READ_SIZE));
    await sleep(50);
    expect(reads.length).toBeLessThanOrEqual(when === 'before' ? 0 : 2);
    accepted.resume();
    await expect.poll(() => reads.length).toBeGreaterThan(4);
    accepted.pause();
    const before = lengthOf(reads);
    await sleep(50);
    expect(lengthOf(reads)).toBe(before);
    accepted.resume();
    await expect.poll(() => lengthOf(reads)).toBe(20 * READ_SIZE);
  });

  test('the end of the stream', async () => {
    const { client, accepted, reader, reads } = await open();
    reader.reuseMemory();
    client.end('last');
    await once(accepted, 'end');
    expect(reads.map(({ text }) => text)).toEqual(['last']);
    accepted.end('answer');
    expect(String((await once(client, 'data'))[0])).toBe('answer');
  });

  test('from within a read on', async () => {
    const connection = await open(() => connection.reader.reuseMemory());
    for (const text of ['a', 'b', 'c']) await send(connection, Buffer.from(text));
    const { reads } = connection;
    expect(reads.map(({ text }) => text)).toEqual(['a', 'b', 'c']);
    expect(reads[1]!.memory).toBe(reads[2]!.memory);
    expect(reads[1]!.memory).not.toBe(reads[0]!.memory);
  });

  test('after the connection is gone', async () => {
    const { client, accepted, reader } = await open();
    client.destroy();
    await once(accepted, 'end');
    accepted.destroy();
    await once(accepted, 'close');
    expect(() => reader.reuseMemory()).not.toThrow();
  });
});

test('a socket whose insides are others is read as Node reads it', () => {
  const connection = new EventEmitter();
  const seen: string[] = [];
  const reader = new SocketReader(connection as unknown as Socket, (bytes, length) => {
    seen.push(reader.keep(bytes.subarray(0, length)).toString());
  });
  reader.reuseMemory();
  connection.emit('data', Buffer.from('one'));
  expect(seen).toEqual(['one']);
});
