/** Whose files are: this account's, root's, the caller's of sudo, or somebody else's. */

import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { UsageError } from '../../src/errors.ts';
import {
  doubtContent,
  doubtFolder,
  isShared,
  ownAccounts,
  pinFolder,
} from '../../src/files/ownership.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'postern-ownership-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

describe('own accounts', () => {
  test.each([
    [1000, undefined, [0, 1000]],
    [0, undefined, [0]],
    [0, '1000', [0, 1000]],
    // Only root can have been made root by sudo.
    [1001, '1000', [0, 1001]],
    [0, '', [0]],
    [0, '-1', [0]],
    [0, '1000 ', [0]],
  ])('of %i, called by sudo of %j, are %j', (uid, caller, accounts) => {
    vi.spyOn(process as Required<NodeJS.Process>, 'geteuid').mockReturnValue(uid);
    vi.stubEnv('SUDO_UID', caller);
    expect([...ownAccounts()!]).toEqual(accounts);
  });

  test('are not asked for on Windows', () => {
    const { geteuid } = process;
    delete process.geteuid;
    try {
      expect(ownAccounts()).toBeUndefined();
      expect(doubtContent({ uid: 1234, mode: 0o666 })).toBeUndefined();
    } finally {
      process.geteuid = geteuid!;
    }
  });
});

describe('a file', () => {
  const own = new Set([0, 1000]);
  test.each([
    [1000, 0o644, undefined],
    [0, 0o600, undefined],
    [1000, 0o664, undefined],
    [1000, 0o666, 'everybody may write to it'],
    [1000, 0o602, 'everybody may write to it'],
    [1001, 0o644, 'it belongs to another account (1001)'],
    [1001, 0o666, 'it belongs to another account (1001)'],
  ])('of %i with mode %o: %s', (uid, mode, doubt) => {
    expect(doubtContent({ uid, mode }, own)).toBe(doubt);
  });
});

describe('a folder', () => {
  const nobody = new Set([4_000_000_000]);
  test.each([
    [0o755, undefined, false],
    [0o775, undefined, false],
    [0o777, 'everybody may write to its folder', true],
    // Nobody replaces a file of ours there, but everybody may put one there first.
    [0o1777, undefined, true],
  ])('of ours with mode %o: %s, shared: %s', (mode, doubt, shared) => {
    chmodSync(folder, mode);
    expect(doubtFolder(folder)).toBe(doubt);
    expect(isShared(folder)).toBe(shared);
  });

  test.each([0o755, 0o1777])('of somebody else with mode %o is doubted and shared', (mode) => {
    chmodSync(folder, mode);
    expect(doubtFolder(folder, nobody)).toMatch(/^its folder belongs to another account/);
    expect(isShared(folder, nobody)).toBe(true);
  });
});

describe('a path', () => {
  beforeEach(() => {
    mkdirSync(join(folder, 'real'));
    symlinkSync('real', join(folder, 'link'));
    symlinkSync(join(folder, 'link'), join(folder, 'again'));
  });

  test.each(['real', 'link', 'again'])('below %s is pinned to the real folder', (name) => {
    // What it names itself need not be there, and is not followed when it is a link.
    expect(pinFolder(join(folder, name, 'file'))).toBe(join(folder, 'real/file'));
    symlinkSync('elsewhere', join(folder, 'real/file'));
    expect(pinFolder(join(folder, name, 'file'))).toBe(join(folder, 'real/file'));
  });

  test.each(['link', 'again'])('below %s is refused when the link is somebody else’s', (name) => {
    const nobody = new Set([4_000_000_000]);
    expect(() => pinFolder(join(folder, name, 'file'), nobody)).toThrow(UsageError);
    expect(pinFolder(join(folder, 'real/file'), nobody)).toBe(join(folder, 'real/file'));
  });

  test('below no folder is an error', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => pinFolder(join(folder, 'none/file'))).toThrow(/ENOENT/);
    expect(() => pinFolder(join(folder, 'file/file'))).not.toThrow();
  });
});
