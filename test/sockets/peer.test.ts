import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, expect, test } from 'vitest';

import { guessProtocol, peerOf, resetSocket } from '../../src/sockets/peer.ts';

const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const undo of cleanup.splice(0)) undo();
});

/** Both ends of a connection. */
async function pair(
  listen: string | number,
  host?: string,
): Promise<[ours: Socket, theirs: Socket]> {
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  if (typeof listen === 'string') server.listen(listen);
  else server.listen(listen, host);
  await once(server, 'listening');
  const address = server.address() as AddressInfo | string;
  const theirs = typeof address === 'string' ? connect(address) : connect(address.port, host);
  const [ours] = (await once(server, 'connection')) as [Socket];
  cleanup.push(() => {
    ours.destroy();
    theirs.destroy();
    server.close();
  });
  return [ours, theirs];
}

function unixPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'postern-'));
  cleanup.push(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'socket');
}

test('a TCP connection is reset', async () => {
  const [ours, theirs] = await pair(0, '127.0.0.1');
  const error = once(theirs, 'error');
  resetSocket(ours);
  expect(((await error)[0] as NodeJS.ErrnoException).code).toBe('ECONNRESET');
});

test('a connection on a unix socket is closed', async () => {
  const [ours, theirs] = await pair(unixPath());
  const end = once(theirs, 'end');
  theirs.resume();
  resetSocket(ours);
  await end;
  expect(ours.destroyed).toBe(true);
});

test('resetting a connection twice does nothing more', async () => {
  const [ours, theirs] = await pair(0, '127.0.0.1');
  theirs.on('error', () => {});
  resetSocket(ours);
  expect(() => resetSocket(ours)).not.toThrow();
});

test('the peer is named by its address and port', async () => {
  const [ours, theirs] = await pair(0, '127.0.0.1');
  expect(peerOf(ours)).toBe(`127.0.0.1:${theirs.localPort}`);
  expect(peerOf((await pair(unixPath()))[0])).toBe('unix');
});

test('a peer that has left before it was looked at', async () => {
  const [ours, theirs] = await pair(0, '127.0.0.1');
  theirs.resetAndDestroy();
  await once(theirs, 'close');
  expect(peerOf(ours)).toBe('a peer that has left');
});

test.each([
  [0x16, ' (this looks like TLS)'],
  [0x47, ' (this looks like HTTP)'],
  [0x61, ''],
  [0, ''],
])('what sends %i first', (byte, guess) => {
  expect(guessProtocol(byte)).toBe(guess);
});
