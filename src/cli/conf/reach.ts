/** What keeps a front end from the application on this machine, before somebody finds a 502 or 503 in its log. */

import { readFileSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';

import type { Account } from '../accounts.ts';

/** An account that is nobody else's: systemd makes one (DynamicUser). */
export const STRANGER: Account = { uid: -1, gids: new Set() };

const [READ, EXECUTE] = [4, 1];

/**
 * Why an account cannot use a file.
 *
 * @param use a program is executed, another file is read; of a socket only the folder counts
 * @returns what is in its way, as the end of a sentence; undefined if nothing is
 */
export function obstacle(
  account: Account,
  path: string,
  use: 'execute' | 'read' | 'connect',
): string | undefined {
  if (account.uid === 0) return undefined;
  const folders: string[] = [];
  for (let part = dirname(path); ; part = dirname(part)) {
    folders.unshift(part);
    if (part === dirname(part)) break;
  }
  for (const folder of folders) {
    const stats = statOf(folder);
    if (stats !== undefined && !may(account, stats, EXECUTE)) return `may not enter ${folder}`;
  }
  const stats = use === 'connect' ? undefined : statOf(path);
  if (stats === undefined) return undefined;
  if (!may(account, stats, READ)) return `may not read ${path}`;
  return use === 'execute' && !may(account, stats, EXECUTE) ? `may not execute ${path}` : undefined;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** The permission bits (path_resolution(7)). Access control lists are not looked at. */
function may({ uid, gids }: Account, stats: Stats, what: number): boolean {
  const shift = stats.uid === uid ? 6 : gids.has(stats.gid) ? 3 : 0;
  return ((stats.mode >> shift) & what) !== 0;
}

/** Whether SELinux refuses what its policy does not allow. */
export function isSelinuxEnforcing(file = '/sys/fs/selinux/enforce'): boolean {
  try {
    return readFileSync(file, 'utf8').trim() === '1';
  } catch {
    return false;
  }
}
