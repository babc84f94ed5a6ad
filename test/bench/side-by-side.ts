/** Application processes side by side behind a front end, under the same loads, and the table that comes of it. */

import type { ChildProcess } from 'node:child_process';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, test } from 'vitest';

import { accepts, temporaryFolder } from '../servers/launch.ts';
import type { RunningServer, ServerOptions } from '../servers/launch.ts';
import { WARM_UP, measure, median, pinFrontEnd, startPeer, stopPeer } from './measure.ts';
import type { Load } from './measure.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 3);

/** One of those that are compared. */
export interface Peer {
  name: string;
  /** Arguments of node, given the path of the unix socket to listen on. */
  args(socket: string): string[];
  conf: string;
  /** Values of that file beside those that every one is filled in with. */
  values?: Readonly<Record<string, string>>;
  start(options: ServerOptions): Promise<RunningServer>;
  /** Changes what is shipped, where the peer needs that. */
  extra?: string;
  /** Loads it cannot take, and why. */
  cannot?: (load: Load) => boolean;
}

/** Arguments that start an application on one of postern's gateways. */
export const postern = (gateway: string, application: string) => (socket: string) => [
  'dist/src/cli/main.cjs',
  application,
  `--${gateway}`,
  `unix:${socket}`,
  '--socket-mode',
  '0666', // the front end's workers have an account of their own
];

const stops: (() => unknown)[] = [];
async function stopAll(): Promise<void> {
  for (const stop of stops.splice(0)) await stop();
}
afterEach(stopAll);

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
    stops.push(() => stopPeer(process));
    await listening(socket);
    const values = { ...peer.values, upstream: `unix:${socket}`, mount: '' };
    const server = await peer.start({ conf: peer.conf, values, extra: peer.extra ?? '' });
    stops.push(() => server.stop());
    pinFrontEnd(server.pid);
    running.push({ peer, process, url: server.url, log: () => server.errorLog() });
  }
  return running;
}

/**
 * Compares peers, the first of which is what the others are measured by. Each round has processes of its own, so
 * that none of them stands for its code alone.
 *
 * BENCH_ROUNDS (default 5) and BENCH_SECONDS (default 3, in each round, for each peer and load) say how long;
 * BENCH_LOAD and BENCH_PEER choose by a part of the name.
 */
export function compare(title: string, allPeers: readonly Peer[], allLoads: readonly Load[]): void {
  test(title, async () => {
    const wanted = process.env['BENCH_PEER'] ?? '';
    const peers = allPeers.filter((peer, i) => i === 0 || peer.name.includes(wanted));
    const loads = allLoads.filter((load) => load.name.includes(process.env['BENCH_LOAD'] ?? ''));
    const tables = loads.map((load) => new Table(load, peers));
    for (let round = 0; round < ROUNDS; round++) {
      const running = await startAll(peers);
      for (const table of tables) await table.addRound(running);
      await stopAll();
    }
    console.log(`\nnode ${process.version}, ${cpus()[0]!.model.trim()}, ${title}:`);
    for (const table of tables) console.log(String(table));
  });
}

/** @throws {Error} when nobody listens on a unix socket for a minute */
async function listening(path: string): Promise<void> {
  for (const end = Date.now() + 60_000; !(await accepts(path));) {
    if (Date.now() > end) throw new Error(`nobody listens on ${path}`);
    await sleep(50);
  }
}

/** What one load has cost each of the peers that can take it, second by second. */
class Table {
  readonly #load: Load;
  readonly #times: Map<Peer, number[]>;

  constructor(load: Load, peers: readonly Peer[]) {
    this.#load = load;
    const able = peers.filter((peer) => peer.cannot?.(load) !== true);
    this.#times = new Map(able.map((peer) => [peer, []]));
  }

  /** A second each, in turn: a noisy one is everyone's. A peer that answers wrongly has no time: NaN. */
  async addRound(running: readonly Running[]): Promise<void> {
    const able = running.filter(({ peer }) => this.#times.has(peer));
    for (const one of able) {
      if (Number.isNaN(await this.#measure(one, WARM_UP))) this.#times.get(one.peer)!.push(NaN);
    }
    for (let second = 0; second < SECONDS; second++) {
      for (const one of able) this.#times.get(one.peer)!.push(await this.#measure(one, 1));
    }
  }

  async #measure({ peer, process, url, log }: Running, seconds: number): Promise<number> {
    try {
      return await measure(process, url, this.#load, seconds);
    } catch (error) {
      console.error(`${peer.name}: ${String(error)}\n${log().slice(-500)}`);
      return NaN;
    }
  }

  toString(): string {
    const rows = [...this.#times].map(([peer, times]) => [peer.name, median(times)] as const);
    const [reference, unit] = rows[0]!;
    const lines = rows.map(([name, time]) =>
      Number.isNaN(time)
        ? `| ${name} | wrong answers | |`
        : `| ${name} | ${time.toFixed(1)} | ${(time / unit).toFixed(2)} |`,
    );
    const head = `\n| ${this.#load.name} | CPU µs per request | × ${reference} |\n|---|--:|--:|`;
    return [head, ...lines].join('\n');
  }
}
