/** Application processes side by side behind a front end, under the same loads, and the table that comes of it. */

import type { ChildProcess } from 'node:child_process';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, test } from 'vitest';

import { accepts, temporaryFolder } from '../servers/launch.ts';
import type { RunningServer, ServerOptions } from '../servers/launch.ts';
import { measure, median, pinFrontEnd, startPeer } from './measure.ts';
import type { Load } from './measure.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3);
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 3);

/** One of those that are compared. */
export interface Peer {
  name: string;
  /** Arguments of node, given the path of the unix socket to listen on. */
  args(socket: string): string[];
  conf: string;
  start(options: ServerOptions): Promise<RunningServer>;
  /** Changes what is shipped, where the peer needs that. */
  extra?: string;
  /** Loads it cannot take, and why. */
  cannot?: (load: Load) => boolean;
}

/** Arguments that start an application on one of postern's gateways. */
export const postern = (gateway: string, application: string) => (socket: string) => [
  'dist/src/cli/main.js',
  application,
  `--${gateway}`,
  `unix:${socket}`,
  '--socket-mode',
  '0666', // the front end's workers have an account of their own
];

const stops: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of stops) await stop();
});

interface Running {
  peer: Peer;
  process: ChildProcess;
  url: string;
  /** The front end's error log. */
  log(): string;
}

async function startAll(peers: readonly Peer[]): Promise<Running[]> {
  const running = [];
  const folder = temporaryFolder('bench');
  for (const [i, peer] of peers.entries()) {
    const socket = `${folder}/${i}.sock`;
    const process = startPeer(peer.args(socket));
    stops.push(() => process.kill());
    await listening(socket);
    const values = { upstream: `unix:${socket}`, mount: '' };
    const server = await peer.start({ conf: peer.conf, values, extra: peer.extra ?? '' });
    stops.push(() => server.stop());
    pinFrontEnd(server.pid);
    running.push({ peer, process, url: server.url, log: () => server.errorLog() });
  }
  return running;
}

/**
 * Compares peers, the first of which is what the others are measured by.
 *
 * BENCH_ROUNDS (default 3) and BENCH_SECONDS (default 3) say how long; BENCH_LOAD and BENCH_PEER choose by a
 * part of the name.
 */
export function compare(title: string, allPeers: readonly Peer[], allLoads: readonly Load[]): void {
  test(title, async () => {
    const wanted = process.env['BENCH_PEER'] ?? '';
    const peers = allPeers.filter((peer, i) => i === 0 || peer.name.includes(wanted));
    const loads = allLoads.filter((load) => load.name.includes(process.env['BENCH_LOAD'] ?? ''));
    const running = await startAll(peers);
    console.log(`\nnode ${process.version}, ${cpus()[0]!.model.trim()}, ${title}:`);
    for (const load of loads) {
      const able = running.filter(({ peer }) => peer.cannot?.(load) !== true);
      console.log(table(load, able, await measureAll(able, load)));
    }
  });
}

/** @throws {Error} when nobody listens on a unix socket for a minute */
async function listening(path: string): Promise<void> {
  for (const end = Date.now() + 60_000; !(await accepts(path));) {
    if (Date.now() > end) throw new Error(`nobody listens on ${path}`);
    await sleep(50);
  }
}

/** Rounds in turn, so that a noisy minute is everyone's. A peer that answers wrongly has no time: NaN. */
async function measureAll(running: readonly Running[], load: Load): Promise<number[]> {
  const times = running.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, { peer, process, url, log }] of running.entries()) {
      const time = await measure(process, url, load, SECONDS).catch((error: unknown) => {
        console.error(`${peer.name}: ${String(error)}\n${log().slice(-500)}`);
        return NaN;
      });
      times[i]!.push(time);
    }
  }
  return times.map(median);
}

function table(load: Load, running: readonly Running[], times: readonly number[]): string {
  const rows = running.map(({ peer }, i) => {
    const time = times[i]!;
    if (Number.isNaN(time)) return `| ${peer.name} | wrong answers | |`;
    return `| ${peer.name} | ${time.toFixed(1)} | ${(time / times[0]!).toFixed(2)} |`;
  });
  const head = `\n| ${load.name} | CPU µs per request | × ${running[0]!.peer.name} |\n|---|--:|--:|`;
  return [head, ...rows].join('\n');
}
