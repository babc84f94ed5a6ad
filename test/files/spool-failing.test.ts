/** Spool files on a disk that fails. */

import { readdirSync, readlinkSync } from 'node:fs';
import type * as fileSystem from 'node:fs';

import { expect, test, vi } from 'vitest';

import { Spool } from '../../src/files/spool.ts';
import { until } from '../kit.ts';

const MIB = 1024 * 1024;
const LIMITS = { maxSpoolSize: 64 * MIB, maxSpoolTotalSize: 64 * MIB };

const disk = vi.hoisted(() => ({ unlinks: true }));

vi.mock('node:fs', async (load) => {
  const fs = await load<typeof fileSystem>();
  return {
    ...fs,
    writev: (...args: unknown[]) =>
      setImmediate(args.at(-1) as (...results: unknown[]) => void, new Error('ENOSPC'), 0),
    unlinkSync(path: string) {
      fs.unlinkSync(path);
      if (!disk.unlinks) throw new Error('EPERM');
    },
  };
});

const lines: string[] = [];
const keep = (message: string): void => void lines.push(message);
const LOG = { error: keep, warn: keep, info() {}, debug() {} };

test('a full disk: nothing more is taken, and nothing waits that it has not taken', async () => {
  const spool = new Spool(undefined, LIMITS, LOG);
  const file = spool.open()!;
  file.append(Buffer.alloc(20 * MIB));
  expect(file.isBusy).toBe(true);
  await until(() => file.refusal !== undefined);
  expect(file.refusal).toMatchObject({ status: '503 Service Unavailable' });
  expect([spool.pending, file.isBusy]).toEqual([0, false]);
  const failed = new Promise((resolve) => file.read(10, resolve));
  expect(await failed).toMatchObject({ message: 'ENOSPC' });
  file.close();
  expect([spool.pending, spool.used]).toEqual([0, 0]);
});

test('a file whose name cannot be taken away is not kept open', async () => {
  disk.unlinks = false;
  const spool = new Spool(undefined, LIMITS, LOG);
  for (let i = 0; i < 5; i++) expect(spool.open()).toBeUndefined();
  expect(lines).toEqual([expect.stringMatching(/^cannot make a spool file in .*: EPERM$/)]);
  await until(() => openSpoolFiles() === 0);
});

function openSpoolFiles(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes('/postern-');
    } catch {
      return false; // that of the listing itself
    }
  }).length;
}
