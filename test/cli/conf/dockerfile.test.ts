/**
 * What `postern conf docker` prints, run as Docker would: its command as the first process of a PID namespace and not as
 * root, its health check beside it, SIGTERM at the end. Docker itself is not needed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { beforeAll, describe, expect, test } from 'vitest';

import { describeWithServer } from '../../servers/availability.ts';
import { accepts, freePort, temporaryFolder } from '../../servers/launch.ts';
import { stagePackage, type StagedPackage } from '../../servers/staging.ts';
import { canIsolate } from '../../servers/stock.ts';

let staged: StagedPackage;
let folder: string;

beforeAll(() => {
  staged = stagePackage();
  folder = temporaryFolder('image');
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  symlinkSync(staged.postern, join(folder, 'node_modules/.bin/postern'));
  copyFileSync(join(staged.apps, 'hello.mjs'), join(folder, 'hello.mjs'));
});

/** What is printed. */
function stdoutOf(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(
    staged.postern,
    ['conf', 'docker', 'hello.mjs', ...args],
    { encoding: 'utf8' },
  );
  expect(status, stderr).toBe(0);
  return stdout;
}

/** Instructions of a Dockerfile by their names; of several the last one. */
function instructions(...args: string[]): ReadonlyMap<string, string> {
  const lines = stdoutOf(...args)
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n');
  const pairs = lines.filter((line) => line !== '').map((line) => line.split(/\s+(.*)/, 2));
  return new Map(pairs as [string, string][]);
}

/** A command in its list form, which no shell reads. */
function listOf(instruction: string): [string, ...string[]] {
  return JSON.parse(instruction.slice(instruction.indexOf('['))) as [string, ...string[]];
}

describe('the image', () => {
  test.each([[[]], [['--gateway', 'fastcgi', '--mount', '/app']]])('%j', (args) => {
    const found = instructions(...args);
    const port = args.length === 0 ? '8000' : '9000';
    expect(found.get('FROM')).toMatch(/^node:\d+-slim$/);
    // postern comes from an archive in the folder, as the README has it.
    expect(found.get('RUN')).toBe('npm ci --omit=dev');
    expect(stdoutOf(...args)).toContain('\nCOPY package.json package-lock.json *.tgz ./\n');
    expect(found.get('USER')).toBe('node');
    expect(found.get('EXPOSE')).toBe(port);
    expect(found.get('STOPSIGNAL')).toBe('SIGTERM');
    const command = listOf(found.get('CMD')!);
    expect(command.slice(0, 2)).toEqual(['node_modules/.bin/postern', 'hello.mjs']);
    expect(command).toContain(`0.0.0.0:${port}`);
    // Docker kills after ten seconds.
    expect(Number(command[command.indexOf('--shutdown-timeout') + 1])).toBeLessThan(10);
  });
});

/** The process that unshare(1) has started. */
function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
}

const CONTAINER = canIsolate
  ? 'a container'
  : 'a container (skipped: namespaces cannot be made here)';

describeWithServer(['unshare', 'setpriv'], CONTAINER, () => {
  test.skipIf(!canIsolate).each([
    ['http', ''],
    ['http', '/app'],
    ['fastcgi', ''],
    ['scgi', '/app'],
    ['uwsgi', ''],
  ])('over %s, mounted at %j: is healthy, and ends by SIGTERM', async (gateway, mount) => {
    const port = await freePort();
    const found = instructions(
      '--gateway',
      gateway,
      '--address',
      `${port}`,
      '--mount',
      mount || '/',
    );
    const account = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--'];
    const command = listOf(found.get('CMD')!);
    const check = (): number | null => {
      const [program, ...args] = listOf(found.get('HEALTHCHECK')!);
      const env = { PATH: staged.path };
      return spawnSync(program, args, { cwd: folder, env, timeout: 10_000 }).status;
    };
    expect(check()).toBe(1); // not yet
    const child = spawn(
      'unshare',
      ['--pid', '--fork', '--kill-child', '--', ...account, ...command],
      {
        cwd: folder,
        env: { PATH: staged.path },
        stdio: 'ignore',
      },
    );
    const exited = once(child, 'exit');
    try {
      while (!(await accepts(port)) && child.exitCode === null) await sleep(10);
      expect(check()).toBe(0);
      const process_ = childOf(child.pid!);
      const status = readFileSync(`/proc/${process_}/status`, 'utf8');
      expect(status).toMatch(/^NSpid:\t\d+(?:\t\d+)*\t1$/m);
      expect(status).toMatch(/^Uid:\t65534\t/m);
      process.kill(process_, 'SIGTERM');
      expect(await exited).toEqual([0, null]);
      expect(check()).toBe(1);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
