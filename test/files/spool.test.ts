/** Spool files: what is stored comes out again, nobody else can look into it, and the limits hold. */

import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { Spool } from '../../src/files/spool.ts';
import type { SpoolFile, SpoolLimits } from '../../src/files/spool.ts';
import type { Log } from '../../src/types.ts';
import { digest, pattern, until } from '../one-request/kit.ts';

const MIB = 1024 * 1024;

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'postern-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const lines: string[] = [];
const keep = (message: string): void => void lines.push(message);
const LOG: Log = { error: keep, warn: keep, info() {}, debug() {} };
afterEach(() => (lines.length = 0));

function openSpool(limits: Partial<SpoolLimits> = {}): Spool {
  return new Spool(folder, { maxSpoolSize: 64 * MIB, maxSpoolTotalSize: 64 * MIB, ...limits }, LOG);
}

function read(file: SpoolFile, size: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    file.read(size, (error, bytes) => (error === undefined ? resolve(bytes) : reject(error)));
  });
}

test('what was stored comes out in its order, while more is stored', async () => {
  const spool = openSpool();
  const file = spool.open()!;
  const bytes = pattern(20 * MIB + 7);
  const out: Buffer[] = [];
  let length = 0;
  for (let at = 0; at < bytes.length; at += 700_001) {
    file.append(bytes.subarray(at, at + 700_001));
    const piece = await read(file, 500_000);
    out.push(piece);
    length += piece.length;
    expect(file.length).toBe(Math.min(at + 700_001, bytes.length) - length);
  }
  while (file.length > 0) out.push(await read(file, MIB));
  expect(digest(Buffer.concat(out))).toBe(digest(bytes));
  expect(spool.used).toBe(bytes.length);
  expect(spool.pending).toBe(0);
  file.close();
  file.close();
  expect(spool.used).toBe(0);
});

test('a file has no name, from the moment it is there', () => {
  const file = openSpool().open()!;
  expect(readdirSync(folder)).toEqual([]);
  file.close();
});

test('closed while it is written and read: nothing is called back, and the descriptor is free', async () => {
  const spool = openSpool();
  for (let i = 0; i < 20; i++) {
    const file = spool.open()!;
    file.append(Buffer.alloc(MIB));
    file.read(MIB, () => expect.unreachable());
    file.close();
    file.append(Buffer.alloc(MIB));
  }
  expect(openFiles()).toBe(20);
  await until(() => openFiles() === 0);
  expect([spool.used, spool.pending]).toEqual([0, 0]);
});

/** Descriptors of files that were made in the folder. */
function openFiles(): number {
  return readdirSync('/proc/self/fd').filter((fd) => linkOf(fd).startsWith(folder)).length;
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // that of the listing itself
  }
}

describe('limits', () => {
  test('of a file', () => {
    const file = openSpool({ maxSpoolSize: 10 }).open()!;
    file.append(Buffer.alloc(9));
    expect(file.refusal).toBeUndefined();
    file.append(Buffer.alloc(9)); // what has come is not lost
    expect(file.refusal).toMatchObject({
      limit: 'maxSpoolSize',
      status: '413 Content Too Large',
      message: 'more than maxSpoolSize (10) of the body is unread',
    });
    file.close();
  });

  test('of all', () => {
    const spool = openSpool({ maxSpoolTotalSize: 10 });
    const files = [spool.open()!, spool.open()!];
    files[0]!.append(Buffer.alloc(10));
    expect(files[1]!.refusal).toMatchObject({
      limit: 'maxSpoolTotalSize',
      status: '503 Service Unavailable',
    });
    files[0]!.close();
    expect(files[1]!.refusal).toBeUndefined();
    files[1]!.close();
  });

  test('a disk that is behind is told of before memory is full', async () => {
    const file = openSpool().open()!;
    file.append(Buffer.alloc(16 * MIB));
    expect(file.isBusy).toBe(false);
    file.append(Buffer.alloc(1));
    expect(file.isBusy).toBe(true);
    await until(() => !file.isBusy);
    file.close();
  });
});

test('no folder: none is opened, and the log tells once', () => {
  rmSync(folder, { recursive: true });
  const spool = openSpool();
  expect(spool.open()).toBeUndefined();
  expect(spool.open()).toBeUndefined();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^cannot make a spool file in .*: ENOENT/);
});
