/**
 * `npm run bench:cgi`: what one request costs as a CGI program, wall and CPU time of the whole process, beside the
 * smallest scripts and the gateways of other languages; started directly, and by Apache's mod_cgid.
 *
 * BENCH_ROUNDS (default 40) says how often, BENCH_PEER chooses by a part of the name.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { cpus } from 'node:os';

import { test } from 'vitest';

import { startApache } from '../servers/apache.ts';
import { serverAvailable } from '../servers/availability.ts';
import { stageModules, stagePackage, stageProgram } from '../servers/staging.ts';
import { median } from './measure.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 40);
const WANTED = process.env['BENCH_PEER'] ?? '';

const { root, node, postern } = stagePackage();
stageModules(['express']);
const peer = (name: string): string => `${root}/bench/cgi/${name}`;
execFileSync('cp', ['-r', new URL('peers/', import.meta.url).pathname, `${root}/bench`]);

interface Peer {
  name: string;
  command: string;
  /** The peer by which it is measured, where that is not the first one. */
  beside?: string;
}

const BARE_COMMONJS = 'bare script, CommonJS';
const BARE_MODULE = 'bare script, ES module';

const PEERS: readonly Peer[] = [
  { name: BARE_COMMONJS, command: `${node} ${peer('bare.cjs')}` },
  { name: 'postern hello.cjs', command: `${postern} ${peer('hello.cjs')}` },
  { name: BARE_MODULE, command: `${node} ${peer('bare.mjs')}`, beside: BARE_MODULE },
  { name: 'runWithCgi', command: `${node} ${peer('library.mjs')}`, beside: BARE_MODULE },
  { name: 'postern hello.mjs', command: `${postern} ${peer('hello.mjs')}`, beside: BARE_MODULE },
  {
    name: 'postern express.mjs',
    command: `${postern} ${peer('express.mjs')}`,
    beside: BARE_MODULE,
  },
  ...installed('python3', { name: "Python's wsgiref", command: `python3 ${peer('hello.py')}` }),
  ...installed('perl', { name: 'Perl', command: `perl ${peer('hello.pl')}` }),
  ...installed('php-cgi', {
    name: 'php-cgi',
    command: `env SCRIPT_FILENAME=${peer('hello.php')} REDIRECT_STATUS=200 php-cgi`,
  }),
].filter(({ name }, i) => i === 0 || name === BARE_MODULE || name.includes(WANTED));

/** Only the system's own: a web server's account may not enter a home folder. */
function installed(program: string, candidate: Peer): Peer[] {
  const { status, stdout } = spawnSync('which', [program], {
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    encoding: 'utf8',
  });
  if (status !== 0) return [];
  return [{ ...candidate, command: candidate.command.replace(program, stdout.trim()) }];
}

/** A clean environment: NODE_EXTRA_CA_CERTS alone would add 48 ms to each start of Node 20. */
const VARIABLES = {
  PATH: '/usr/bin:/bin',
  GATEWAY_INTERFACE: 'CGI/1.1',
  REQUEST_METHOD: 'GET',
  SERVER_NAME: 'localhost',
  SERVER_PORT: '80',
  SERVER_PROTOCOL: 'HTTP/1.1',
  SCRIPT_NAME: '',
  PATH_INFO: '/',
  REQUEST_URI: '/',
  HTTP_HOST: 'localhost',
};

/** @returns milliseconds: wall time, and CPU time of the process */
function runOnce({ name, command }: Peer): [wall: number, cpu: number] {
  // Node does not tell the time of a child; bash does.
  const script = `TIMEFORMAT='%R %U %S'; time ${command}`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script], {
    env: VARIABLES,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
  if (!stdout.endsWith('\r\n\r\nHello, world!')) throw new Error(`${name}: ${stdout}${stderr}`);
  const [wall, user, system] = stderr.trim().split('\n').at(-1)!.split(' ').map(Number);
  return [wall! * 1000, (user! + system!) * 1000];
}

/** One row each, with the multiple of the peer beside which it stands. */
function report(title: string, columns: readonly string[], results: Map<Peer, number[][]>): void {
  const medians = new Map(
    [...results].map(([{ name }, samples]) => [
      name,
      columns.map((_, i) => median(samples.map((sample) => sample[i]!))),
    ]),
  );
  console.log(`\n| ${title} | ${columns.map((column) => `${column} | × bare`).join(' | ')} |`);
  console.log(`|---|${'--:|--:|'.repeat(columns.length)}`);
  for (const { name, beside = BARE_COMMONJS } of results.keys()) {
    const cells = medians.get(name)!.map((value, i) => {
      return `${value.toFixed(1)} | ${(value / medians.get(beside)![i]!).toFixed(2)}`;
    });
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
}

test('a process for each request', () => {
  const results = new Map(PEERS.map((one) => [one, [] as number[][]]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [one, samples] of results) samples.push(runOnce(one));
  }
  console.log(`\nnode ${process.version}, ${cpus()[0]!.model.trim()}`);
  report('started directly', ['wall ms', 'CPU ms'], results);
});

const APACHE_CGI = 'apache/cgi.conf';

test.skipIf(!serverAvailable(APACHE_CGI))("by Apache's mod_cgid", async () => {
  const servers = await Promise.all(
    PEERS.map(async (one) => {
      const values = { mount: '', app: stageProgram(`exec ${one.command}`), path: VARIABLES.PATH };
      return [one, await startApache({ conf: APACHE_CGI, values })] as const;
    }),
  );
  const results = new Map(PEERS.map((one) => [one, [] as number[][]]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [one, { url, errorLog }] of servers) {
      const start = performance.now();
      const body = await (await fetch(`${url}/`)).text();
      if (body !== 'Hello, world!') throw new Error(`${one.name}: ${body}${errorLog()}`);
      results.get(one)!.push([performance.now() - start]);
    }
  }
  report("by Apache's mod_cgid", ['wall ms'], results);
  for (const [, server] of servers) await server.stop();
});
