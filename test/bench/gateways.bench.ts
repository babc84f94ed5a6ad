/**
 * The gateways beside node:http and node-fastcgi, behind the same front end with the shipped
 * configuration: `npm run bench`.
 *
 * BENCH_ROUNDS (default 3) and BENCH_SECONDS (default 3) say how long; BENCH_LOAD and BENCH_PEER choose by a
 * part of the name.
 */

import type { ChildProcess } from 'node:child_process';
import { cpus } from 'node:os';

import { afterAll, test } from 'vitest';

import { startHaproxy } from '../servers/haproxy.ts';
import { temporaryFolder } from '../servers/launch.ts';
import type { RunningServer, ServerOptions } from '../servers/launch.ts';
import { startNginx } from '../servers/nginx.ts';
import { measure, median, pinFrontEnd, startPeer } from './measure.ts';
import type { Load } from './measure.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3);
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 3);

const MIB = 1024 * 1024;
const LOADS: readonly Load[] = [
  { name: 'hello', path: '/', length: 13, upload: 0 },
  { name: '16 KiB', path: '/16k', length: 16 * 1024, upload: 0 },
  { name: '1 MiB streamed', path: '/1m', length: MIB, upload: 0 },
  { name: '1 MiB upload', path: '/upload', length: 7, upload: MIB },
].filter((load) => load.name.includes(process.env['BENCH_LOAD'] ?? ''));

interface Peer {
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

const postern = (gateway: string) => (socket: string) => [
  'dist/src/cli/main.js',
  'test/bench/peers/application.mjs',
  `--${gateway}`,
  `unix:${socket}`,
  '--socket-mode',
  '0666', // the front end's workers have an account of their own
];
const script = (name: string) => (socket: string) => [`test/bench/peers/${name}.mjs`, socket];

const onlyHello = (load: Load): boolean => load.name !== 'hello';

/** The first one of a front end is what the others are compared with. */
const FRONT_ENDS: Readonly<Record<string, readonly Peer[]>> = {
  nginx: [
    { name: 'node:http', args: script('node-http'), conf: 'nginx/http.conf', start: startNginx },
    { name: 'postern HTTP', args: postern('http'), conf: 'nginx/http.conf', start: startNginx },
    {
      name: 'postern FastCGI',
      args: postern('fastcgi'),
      conf: 'nginx/fastcgi.conf',
      start: startNginx,
    },
    { name: 'postern SCGI', args: postern('scgi'), conf: 'nginx/scgi.conf', start: startNginx },
    { name: 'postern uwsgi', args: postern('uwsgi'), conf: 'nginx/uwsgi.conf', start: startNginx },
    {
      name: 'node-fastcgi',
      args: script('node-fastcgi'),
      conf: 'nginx/fastcgi.conf',
      start: startNginx,
    },
    {
      name: 'bare FastCGI loop (parses nothing)',
      args: script('bare-loop'),
      conf: 'nginx/fastcgi.conf',
      start: startNginx,
      cannot: onlyHello,
    },
  ],
  HAProxy: [
    { name: 'node:http', args: script('node-http'), conf: 'haproxy/http.cfg', start: startHaproxy },
    {
      name: 'postern FastCGI, multiplexed',
      args: postern('fastcgi'),
      conf: 'haproxy/fastcgi.cfg',
      start: startHaproxy,
      // 6-front-ends: large multiplexed uploads fail in HAProxy 2.6, whatever the backend.
      cannot: (load) => load.upload > 0,
    },
  ],
};

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
    const values = { upstream: `unix:${socket}`, mount: '' };
    const server = await peer.start({ conf: peer.conf, values, extra: peer.extra ?? '' });
    stops.push(() => server.stop());
    pinFrontEnd(server.pid);
    running.push({ peer, process, url: server.url, log: () => server.errorLog() });
  }
  return running;
}

for (const [frontEnd, allPeers] of Object.entries(FRONT_ENDS)) {
  test(`behind ${frontEnd}`, async () => {
    const wanted = process.env['BENCH_PEER'] ?? '';
    const peers = allPeers.filter((peer, i) => i === 0 || peer.name.includes(wanted));
    const running = await startAll(peers);
    await new Promise((resolve) => setTimeout(resolve, 1000)); // until all of them listen
    console.log(`\nnode ${process.version}, ${cpus()[0]!.model.trim()}, behind ${frontEnd}:`);
    for (const load of LOADS) {
      const able = running.filter(({ peer }) => peer.cannot?.(load) !== true);
      console.log(table(load, able, await measureAll(able, load)));
    }
  });
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
