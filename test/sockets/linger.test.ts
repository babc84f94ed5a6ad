/** What a connection waits for after its response. */

import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { Deadlines } from '../../src/resources/deadlines.ts';
import { LINGER_TIMEOUT } from '../../src/limits.ts';
import { linger } from '../../src/sockets/linger.ts';

const QUIET = 5000;

/** As much of a socket as a lingering connection looks at. */
class Peer extends EventEmitter {
  bytesRead = 0;
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

let deadlines: Deadlines<object>;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  deadlines = new Deadlines(1000);
});
afterEach(() => {
  vi.useRealTimers();
});

function start(closeTimeout = QUIET, lingerTimeout = LINGER_TIMEOUT): Peer {
  const peer = new Peer();
  linger(peer as unknown as Socket, deadlines, { closeTimeout, lingerTimeout });
  return peer;
}

/** Lets seconds pass in each of which something comes. */
function send(peer: Peer, seconds: number): void {
  for (let i = 0; i < seconds; i++) {
    peer.bytesRead += 1000;
    vi.advanceTimersByTime(1000);
  }
}

test('a peer that sends nothing is cut after the quiet time, not before', () => {
  const peer = start();
  vi.advanceTimersByTime(QUIET - 1);
  expect(peer.destroyed).toBe(false);
  vi.advanceTimersByTime(3000);
  expect(peer.destroyed).toBe(true);
});

test('one that goes on sending is listened to, but not for ever', () => {
  const peer = start();
  send(peer, LINGER_TIMEOUT / 1000 - 1);
  expect(peer.destroyed).toBe(false);
  send(peer, 2 * (QUIET / 1000 + 2));
  expect(peer.destroyed).toBe(true);
});

test('one that stops in the middle is cut after the quiet time', () => {
  const peer = start();
  send(peer, 12);
  vi.advanceTimersByTime(2 * (QUIET + 2000));
  expect(peer.destroyed).toBe(true);
});

test('without a limit it has all the time it wants', () => {
  const peer = start(Infinity);
  vi.advanceTimersByTime(10 * LINGER_TIMEOUT);
  expect(peer.destroyed).toBe(false);
});

test('one that goes on sending is listened to for ever if it may', () => {
  const peer = start(QUIET, 0);
  send(peer, LINGER_TIMEOUT / 100);
  expect(peer.destroyed).toBe(false);
});

test('nothing is left of it when it closes, or has closed', () => {
  const peer = start();
  peer.destroy();
  expect(deadlines.size).toBe(0);
  linger(peer as unknown as Socket, deadlines, { closeTimeout: QUIET, lingerTimeout: 0 });
  expect(deadlines.size).toBe(0);
});
