/** CPU time of an application process per request, under load from wrk through a front end. */

import { execFile, execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/** Kernel clock ticks per second, in which /proc counts CPU time. */
const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const LOAD_SCRIPT = new URL('load.lua', import.meta.url).pathname;

/** Seconds before the measurements of a process under a load: the optimizing compiler is done after one or two, the size of the young generation after three. */
export const WARM_UP = 3;

/** Core of the application; front end and load share the other one. */
export const APPLICATION_CORE = 0;
export const FRONT_END_CORE = 1;

export interface Load {
  name: string;
  path: string;
  /** Length of each response's body, which is checked. */
  length: number;
  /** Bytes to send with each request. */
  upload: number;
}

/** Starts an application on its core. */
export function startPeer(args: readonly string[]): ChildProcess {
  return spawn('taskset', ['-c', String(APPLICATION_CORE), process.execPath, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Asks it to end, and waits until it has. */
export async function stopPeer(peer: ChildProcess): Promise<void> {
  const exit = once(peer, 'exit');
  if (peer.kill()) await exit;
}

/** Moves a front end and its workers to their core. */
export function pinFrontEnd(pid: number): void {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  for (const process of [String(pid), ...children].filter((text) => text !== '')) {
    execFileSync('taskset', ['-acp', String(FRONT_END_CORE), process], { stdio: 'ignore' });
  }
}

/**
 * One measurement.
 *
 * @param seconds for which the load lasts
 * @returns microseconds of CPU, user and system, per request
 * @throws {Error} when a single response was not what it should have been
 */
export async function measure(
  peer: ChildProcess,
  url: string,
  load: Load,
  seconds: number,
): Promise<number> {
  const before = cpuSeconds(peer.pid!);
  const requests = await run(url, load, seconds);
  return ((cpuSeconds(peer.pid!) - before) / requests) * 1e6;
}

async function run(url: string, load: Load, seconds: number): Promise<number> {
  const wrk = ['wrk', '-t1', '-c32', `-d${seconds}s`, '-s', LOAD_SCRIPT];
  const args = ['-c', String(FRONT_END_CORE), ...wrk, url + load.path];
  const script = ['--', String(load.length), String(load.upload)];
  const { stdout } = await promisify(execFile)('taskset', [...args, ...script]);
  const [, requests, wrong] = /RESULT (\d+) (\d+)/.exec(stdout) ?? [];
  if (wrong !== '0') throw new Error(`${load.name}: ${wrong ?? 'all'} of ${requests ?? '?'} wrong`);
  return Number(requests);
}

/** utime + stime of proc_pid_stat(5). */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** NaN if one of them is. */
export function median(values: readonly number[]): number {
  if (values.some(Number.isNaN)) return NaN;
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
