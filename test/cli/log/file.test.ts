/** A log file: lines, rotation, and a disk that does not take them. */

import { spawnSync } from 'node:child_process';
import type { SpawnSyncReturns } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { LogFile } from '../../../src/cli/log/file.ts';
import { UsageError } from '../../../src/errors.ts';
import { until } from '../../kit.ts';

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

const elsewhere = (): string => join(folder, 'elsewhere');
const content = (file = path): string => readFileSync(file, 'latin1');

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
  expect(stderr.mock.calls.join('')).toMatch(/^postern: cannot write the log .*: it is a folder$/m);
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

describe('in a folder to which others may write, as /tmp', () => {
  beforeEach(() => chmodSync(folder, 0o1777));

  test('is made, appended to and opened again', () => {
    for (const line of numbered(2)) {
      const log = new LogFile(path);
      log.write(line);
      log.flush();
      log.reopen();
    }
    expect(content()).toBe('line 0\nline 1\n');
  });

  test.each([
    ['a link', () => symlinkSync(join(folder, 'private'), path), /ELOOP/],
    ['a link to nothing', () => symlinkSync(join(folder, 'nothing'), path), /ELOOP/],
    ['a hard link', () => linkSync(join(folder, 'private'), path), /it is a hard link/],
    ['a file of everybody', () => writable(path), /everybody may write to it/],
  ])('is not %s that somebody has put there', (_, make, message) => {
    writeFileSync(join(folder, 'private'), 'private');
    make();
    expect(() => new LogFile(path)).toThrow(UsageError);
    expect(() => new LogFile(path)).toThrow(message);
    expect(openFiles()).toEqual([]);
    expect(content(join(folder, 'private'))).toBe('private');
    expect(readdirSync(folder)).not.toContain('nothing');
  });

  test('is no pipe, whether somebody reads it or not', () => {
    makePipe(path);
    expect(openInProcess(path).stderr).toMatch(/UsageError: cannot open the log .*ENXIO/);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    expect(() => new LogFile(path)).toThrow(/it is not a regular file/);
    closeSync(reader);
  });

  test('goes on with the old file when something else is there after a rotation', () => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    writeFileSync(join(folder, 'private'), 'private');
    const log = new LogFile(path);
    renameSync(path, `${path}.1`);
    symlinkSync(join(folder, 'private'), path);
    log.reopen();
    log.write('line\n');
    log.flush();
    expect(content(`${path}.1`)).toBe('line\n');
    expect(content(join(folder, 'private'))).toBe('private');
    expect(stderr.mock.calls.join('')).toMatch(/^postern: cannot write the log .*ELOOP/);
  });
});

describe('elsewhere is what the operator has put there:', () => {
  test.each([
    ['a link', () => symlinkSync(join(folder, 'elsewhere'), path)],
    ['a hard link', () => (writeFileSync(elsewhere(), ''), linkSync(elsewhere(), path))],
  ])('%s', (_, make) => {
    make();
    const log = new LogFile(path);
    log.write('line\n');
    log.flush();
    expect(content(elsewhere())).toBe('line\n');
  });

  test('a pipe that somebody reads', () => {
    makePipe(path);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const log = new LogFile(path);
    log.write('line\n');
    log.flush();
    const buffer = Buffer.alloc(10);
    expect(buffer.toString('latin1', 0, readSync(reader, buffer))).toBe('line\n');
    closeSync(reader);
  });

  test.each(['/dev/stderr', '/dev/fd/2', '/proc/self/fd/2'])('%s', (name) => {
    const fd = openSync(path, 'w');
    const { status } = openInProcess(name, fd);
    closeSync(fd);
    expect(status).toBe(0);
    expect(content()).toBe('line\n');
  });
});

describe.skipIf(process.getuid?.() !== 0)('among what belongs to other accounts (as root)', () => {
  const OTHER = 65_534;

  test('is no file of another account in a folder of everybody', () => {
    chmodSync(folder, 0o1777);
    writeFileSync(path, '');
    chownSync(path, OTHER, OTHER);
    expect(() => new LogFile(path)).toThrow(/it belongs to another account \(65534\)/);
  });

  test('may be a file of another account in a folder of ours, as log rotation makes it', () => {
    writeFileSync(path, '');
    chownSync(path, OTHER, OTHER);
    const log = new LogFile(path);
    log.write('line\n');
    log.flush();
    expect(content()).toBe('line\n');
  });

  test('is made in a folder of another account, and follows no link there', () => {
    chownSync(folder, OTHER, OTHER);
    const log = new LogFile(path);
    log.write('line\n');
    log.flush();
    expect(content()).toBe('line\n');
    symlinkSync(path, `${path}.link`);
    expect(() => new LogFile(`${path}.link`)).toThrow(/ELOOP/);
  });

  test('is not made where a link of another account leads', () => {
    const link = `${folder}-link`;
    symlinkSync(folder, link);
    lchownSync(link, OTHER, OTHER);
    expect(() => new LogFile(join(link, 'access.log'))).toThrow(/is a link, and it belongs to/);
    unlinkSync(link);
    expect(readdirSync(folder)).toEqual([]);
  });
});

/** Writes one line, in a process that can be ended when it waits forever. */
function openInProcess(name: string, stderr: number | 'pipe' = 'pipe'): SpawnSyncReturns<string> {
  const source = pathToFileURL(join(import.meta.dirname, '../../../dist/src/cli/log/file.js')).href;
  const program = `
    import { LogFile } from ${JSON.stringify(source)};
    const log = new LogFile(${JSON.stringify(name)});
    log.write('line\\n');
    log.flush();
  `;
  return spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'ignore', stderr],
    encoding: 'utf8',
    timeout: 20_000,
  });
}

function writable(file: string): void {
  writeFileSync(file, '');
  chmodSync(file, 0o666);
}

function makePipe(file: string): void {
  spawnSync('mkfifo', [file]);
}
