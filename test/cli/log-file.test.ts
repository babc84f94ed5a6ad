/** A log file: lines, rotation, and a disk that does not take them. */

import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { LogFile } from '../../src/cli/log-file.ts';
import { UsageError } from '../../src/errors.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-log-'));
  path = join(folder, 'access.log');
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const content = (file = path): string => readFileSync(file, 'latin1');

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

/** Files of the folder that this process has open. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(`${folder}/`) ? [target.slice(folder.length + 1)] : [];
    } catch {
      return []; // the descriptor of the listing itself
    }
  });
}

const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `line ${i}\n`);

test('has all lines, in their order, after a while', async () => {
  const log = new LogFile(path);
  const lines = numbered(1000);
  for (const line of lines.slice(0, 500)) log.write(line);
  await sleep(0);
  for (const line of lines.slice(500)) log.write(line);
  await until(() => content().endsWith(lines.at(-1)!));
  expect(content()).toBe(lines.join(''));
  // It is not everybody's business who asked for what.
  expect(statSync(path).mode & 0o007).toBe(0);
});

test('has them at once when it is told to', () => {
  const log = new LogFile(path);
  for (const line of numbered(3)) log.write(line);
  log.flush();
  expect(content()).toBe('line 0\nline 1\nline 2\n');
});

test('is appended to', () => {
  for (const line of numbered(2)) {
    const log = new LogFile(path);
    log.write(line);
    log.flush();
  }
  expect(content()).toBe('line 0\nline 1\n');
});

test('may be moved away and opened again, losing nothing and leaving nothing open', async () => {
  const log = new LogFile(path);
  const lines = numbered(100);
  for (const [i, line] of lines.entries()) {
    log.write(line);
    if (i % 10 === 5) await sleep(0); // some are on their way
    if (i === 50) {
      renameSync(path, `${path}.1`);
      log.reopen();
    }
  }
  await until(() => content().endsWith(lines.at(-1)!));
  expect(content(`${path}.1`) + content()).toBe(lines.join(''));
  await until(() => openFiles().length === 1);
  expect(openFiles()).toEqual(['access.log']);
});

test('writes what is too much for memory at once', () => {
  const log = new LogFile(path);
  const line = `${'x'.repeat(1023)}\n`;
  for (let i = 0; i < 1500; i++) log.write(line);
  expect(content().length).toBeGreaterThan(1024 * 1024);
});

test('that cannot be opened is an error', () => {
  expect(() => new LogFile(join(folder, 'nowhere/access.log'))).toThrow(UsageError);
  expect(() => new LogFile(folder)).toThrow(/^cannot open the log /);
});

test('that cannot be opened again goes on with the old file, and says so', () => {
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const log = new LogFile(path);
  renameSync(path, `${path}.1`);
  mkdirSync(path);
  log.reopen();
  log.write('line\n');
  log.flush();
  expect(content(`${path}.1`)).toBe('line\n');
  expect(stderr.mock.calls.join('')).toMatch(/^postern: cannot write the log .*EISDIR/);
});

test('on a full disk complains once, and stops nothing', async () => {
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const log = new LogFile('/dev/full');
  for (const line of numbered(3)) {
    log.write(line);
    await sleep(5);
  }
  log.write('line');
  log.flush();
  await until(() => stderr.mock.calls.length > 0);
  expect(stderr.mock.calls.join('')).toMatch(
    /^postern: cannot write the log \/dev\/full: .*ENOSPC[^\n]*\n$/,
  );
});

test('that is closed has all its lines, and takes no more', async () => {
  const log = new LogFile(path);
  log.write('one\n');
  await sleep(0); // it is being written
  log.write('two\n');
  const closed = log.close();
  log.reopen();
  log.write('three\n');
  await Promise.all([closed, log.close()]);
  expect(openFiles()).toEqual([]);
  expect(content()).toBe('one\ntwo\n');
});

test('that is closed while nothing is written is closed at once', async () => {
  const log = new LogFile(path);
  await log.close();
  expect(openFiles()).toEqual([]);
});
