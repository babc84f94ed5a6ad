/** Writing to a socket from memory that is used again. */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { MAX_COPY_SIZE, writeAll } from '../../src/sockets/writer.ts';
import { temporaryFolder } from '../servers/launch.ts';

let server: Server;
let sockets: Socket[];
beforeEach(() => {
  sockets = [];
  server = createServer();
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

/** A connection: the end that is written to, and the one that reads. */
async function open(): Promise<{ writer: Socket; reader: Socket }> {
  const accepting = once(server, 'connection') as Promise<[Socket]>;
  const reader = connect(server.address() as AddressInfo | string as never);
  reader.pause();
  const [writer] = await accepting;
  sockets.push(reader, writer);
  return { writer, reader };
}

async function readAll(reader: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of reader) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A byte string no two parts of which are alike. */
function numbered(length: number, first: number): string {
  const numbers = Uint32Array.from({ length: Math.ceil(length / 4) }, (_, i) => i ^ (first << 20));
  return Buffer.from(numbers.buffer).toString('latin1', 0, length);
}

describe.each(['TCP', 'a unix socket'])('over %s', (kind) => {
  beforeEach(async () => {
    if (kind === 'TCP') server.listen(0, '127.0.0.1');
    else server.listen(`${temporaryFolder('writer')}/socket`);
    await once(server, 'listening');
  });

  test.each([
    ['nothing', []],
    ['one byte', [1]],
    ['as much as is copied', [10, MAX_COPY_SIZE - 20, 10]],
    ['one byte more', [10, MAX_COPY_SIZE - 20, 11]],
    ['much', [300, 1_000_000, 24]],
  ])('pieces leave in their order: %s', async (_, lengths) => {
    const { writer, reader } = await open();
    const texts = lengths.map((length, i) => numbered(length, i));
    writeAll(writer, texts);
    writeAll(
      writer,
      texts.map((text, i) => (i % 2 === 0 ? Buffer.from(text, 'latin1') : text)),
    );
    writer.end();
    const whole = texts.join('');
    expect((await readAll(reader)).equals(Buffer.from(whole + whole, 'latin1'))).toBe(true);
  });

  test('what the kernel does not take at once stays as it was', async () => {
    const one = await open();
    const other = await open();
    let expected = '';
    let waited = 0;
    for (let i = 0; i < 400; i++) {
      const text = numbered(MAX_COPY_SIZE - i, i);
      expected += text;
      writeAll(one.writer, [text.slice(0, 50), Buffer.from(text.slice(50), 'latin1')]);
      if (one.writer.writableLength > 0) waited++;
      writeAll(other.writer, ['another ', 'connection']);
    }
    expect(waited).toBeGreaterThan(2);
    one.writer.end();
    other.writer.end();
    expect((await readAll(one.reader)).equals(Buffer.from(expected, 'latin1'))).toBe(true);
    expect((await readAll(other.reader)).toString()).toBe('another connection'.repeat(400));
  });

  test.each([MAX_COPY_SIZE / 2, MAX_COPY_SIZE * 4])(
    'it tells when the socket is full: %d',
    async (size) => {
      const { writer, reader } = await open();
      while (writeAll(writer, ['head', numbered(size, 0)]))
        expect(writer.writableNeedDrain).toBe(false);
      expect(writer.writableNeedDrain).toBe(true);
      reader.resume();
      await once(writer, 'drain');
      expect(writeAll(writer, ['few ', 'bytes'])).toBe(true);
    },
  );

  test('a socket that is gone takes what nobody gets', async () => {
    const { writer } = await open();
    writer.on('error', () => {});
    writer.destroy();
    for (const size of [1, MAX_COPY_SIZE + 1]) writeAll(writer, ['head', numbered(size, 0)]);
    await once(writer, 'close');
  });
});
