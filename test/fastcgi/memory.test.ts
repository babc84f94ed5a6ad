/** Transfers of 200 MB, and what the process holds meanwhile. */

import { afterEach, beforeEach, expect, test } from 'vitest';

import { HOLD_TIME } from '../../src/limits.ts';
import { RecordParser } from '../suite/fastcgi-client.ts';
import { untilUnchanged } from './kit.ts';
import { TYPE, encodeBegin, encodeParams, encodeRecord, encodeRequest } from './peer.ts';
import type { Peer } from './peer.ts';
import { Service } from './service.ts';

const MB = 1_000_000;
const UPLOAD = { id: 1, params: { CONTENT_LENGTH: String(200 * MB) } };

let service: Service;
beforeEach(async () => {
  service = await Service.start();
  const peer = await service.connect();
  // What the process needs anyway, for requests large and small.
  for (let i = 0; i < 500; i++) await peer.request({ params: { PATH_INFO: '/hello' } });
  const stdin = Buffer.alloc(20 * MB);
  await peer.request({ params: { PATH_INFO: '/echo' }, stdin });
  peer.leave();
});
afterEach(async () => {
  expect(await service.stop()).toBe(0);
});

/** By how much the memory of a process has grown, in MB. */
interface Growth {
  /** What it cannot give back: without garbage, and without what the allocator keeps of it. */
  held: number;
  /** Resident, after it. */
  after: number;
  /** Resident, at most during it. */
  most: number;
}

async function growth(run: () => Promise<void>): Promise<Growth> {
  const before = await service.holdings();
  await run();
  const { rss, peak, held } = await service.holdings();
  // The peak before may be that of the preparations.
  const most = peak > before.peak ? peak - before.rss : 0;
  const grown = (now: number, then: number): number => (now - then) / MB;
  return { held: grown(held, before.held), after: grown(rss, before.rss), most: most / MB };
}

test.each(['/download', '/stream', '/write'])(
  'row 6: a download from %s that nobody reads',
  async (path) => {
    let peer!: Peer;
    const { held, after, most } = await growth(async () => {
      peer = await service.connect();
      peer.send(encodeRequest({ params: { PATH_INFO: path } }));
      await pause();
    });
    expect(held).toBeLessThan(5);
    expect(after).toBeLessThan(40);
    expect(most).toBeLessThan(60);
    peer.leave();
  },
);

test('row 6: ten of them on one connection', async () => {
  let peer!: Peer;
  const { held, after } = await growth(async () => {
    peer = await service.connect();
    for (let id = 1; id <= 10; id++) {
      peer.send(encodeRequest({ id, params: { PATH_INFO: '/download' } }));
    }
    await pause();
  });
  expect(held).toBeLessThan(5);
  expect(after).toBeLessThan(40);
  peer.leave();
});

test('row 6: an upload that the application does not read', async () => {
  let peer!: Peer;
  let sent = 0;
  const { held, after, most } = await growth(async () => {
    peer = await service.connect();
    const parts = { ...UPLOAD, params: { ...UPLOAD.params, PATH_INFO: '/never' } };
    peer.send(encodeBegin(parts), encodeParams(parts));
    sent = await upload(peer);
  });
  expect(sent).toBe(200 * MB); // it waits in a spool file
  expect(held).toBeLessThan(5);
  // Pieces that are on disk are garbage. V8 collects it when 64 MB have come together outside of its heap, or before.
  expect(after).toBeLessThan(80);
  expect(most).toBeLessThan(100);
  peer.leave();
});

test('row 6: an upload to an application that answers before it has come', async () => {
  let peer!: Peer;
  const { held, after, most } = await growth(async () => {
    peer = await service.connect();
    const parts = { ...UPLOAD, params: { ...UPLOAD.params, PATH_INFO: '/hello' } };
    peer.send(encodeBegin(parts), encodeParams(parts));
    await upload(peer);
  });
  expect((await peer.reply()).text).toBe('hello');
  expect(held).toBeLessThan(5);
  expect(after).toBeLessThan(40);
  expect(most).toBeLessThan(60);
  peer.leave();
});

test('row 6: one that is echoed, and taken', async () => {
  const { held, after, most } = await growth(async () => {
    const peer = await service.connect();
    const parts = { ...UPLOAD, params: { ...UPLOAD.params, PATH_INFO: '/echo' } };
    peer.send(encodeBegin(parts), encodeParams(parts));
    const [received] = await Promise.all([receive(peer), upload(peer)]);
    expect(received).toBe(200 * MB + 'Status: 200 OK\r\n\r\n'.length);
    peer.leave();
  });
  expect(held).toBeLessThan(5);
  // All of it has passed through: how much of the garbage is left in the allocator is up to chance.
  expect(after).toBeLessThan(120);
  expect(most).toBeLessThan(120);
});

test('row 6: a body that nobody asked for, for an id that is not active', async () => {
  let peer!: Peer;
  const { held, after, most } = await growth(async () => {
    peer = await service.connect();
    await upload(peer);
  });
  expect(held).toBeLessThan(5);
  expect(after).toBeLessThan(40);
  expect(most).toBeLessThan(60);
  peer.leave();
});

/** Sends 200 MB on STDIN as far as they are taken. @returns how much that was */
function upload(peer: Peer): Promise<number> {
  const { socket } = peer.frontEnd;
  const chunk = encodeRecord(TYPE.STDIN, 1, Buffer.alloc(50_000));
  let left = 200 * MB;
  let sent = 0;
  const more = (): void => {
    while (left > 0) {
      left -= 50_000;
      if (!socket.write(chunk, (error) => void (error ?? (sent += 50_000)))) return;
    }
  };
  socket.on('drain', more);
  more();
  return untilUnchanged(() => sent, 4 * HOLD_TIME);
}

/** Reads a response without keeping it. @returns the length of STDOUT */
async function receive({ frontEnd }: Peer): Promise<number> {
  const parser = new RecordParser();
  let length = 0;
  for (;;) {
    const step = await frontEnd.output.next();
    if (step.done === true) return length;
    for (const { type, content } of parser.feed(step.value)) {
      if (type === TYPE.END_REQUEST) return length;
      length += content.length;
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 500));
}
