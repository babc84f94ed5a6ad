/**
 * Whose a file is: whether another account can have put it there, or can change it. Asked before a file that
 * nobody has named is read, and before one is removed, or written, whose folder others may write to.
 *
 * The rule is git's (CVE-2022-24765): a file counts when it belongs to this account. So do files of root, who can
 * do anything anyway, and, for root, those of the account that has called sudo, which named them. What a group
 * may write to counts as well: its owner has said so, and with umask 002 that is every file. Windows has other
 * ways to say who may do what, and nothing is asked there.
 */

import { constants, lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

import { UsageError } from '../errors.ts';

const EVERYBODY_WRITES = constants.S_IWOTH;
/** Of a folder, as of /tmp: files in it are renamed and removed by their owners alone (inode(7)). */
const STICKY = 0o1000;

/** Accounts by their user ids; undefined where there are none. */
export type Accounts = ReadonlySet<number> | undefined;

/** The accounts whose files count as this process's own. */
export function ownAccounts(): Accounts {
  const uid = process.geteuid?.();
  if (uid === undefined) return undefined;
  const caller = process.env['SUDO_UID'];
  const isSudo = uid === 0 && caller !== undefined && /^\d{1,10}$/.test(caller);
  return new Set(isSudo ? [0, Number(caller)] : [0, uid]);
}

type Owned = Pick<Stats, 'uid' | 'mode'>;

/**
 * Why a file, or a link, may be somebody else's.
 *
 * @param name what it is called in the answer
 * @returns undefined when it is not
 */
export function doubtOwner(
  { uid }: Owned,
  own: Accounts = ownAccounts(),
  name = 'it',
): string | undefined {
  return own === undefined || own.has(uid)
    ? undefined
    : `${name} belongs to another account (${uid})`;
}

/** Why what is in a file or a folder may be somebody else's. */
export function doubtContent(
  stats: Owned,
  own: Accounts = ownAccounts(),
  name = 'it',
): string | undefined {
  const doubt = doubtOwner(stats, own, name);
  if (doubt !== undefined || own === undefined) return doubt;
  return stats.mode & EVERYBODY_WRITES ? `everybody may write to ${name}` : undefined;
}

/** Why somebody else may have replaced a file of ours by another one in this folder. */
export function doubtFolder(folder: string, own: Accounts = ownAccounts()): string | undefined {
  const stats = statSync(folder);
  const doubt = stats.mode & STICKY ? doubtOwner : doubtContent;
  return doubt(stats, own, 'its folder');
}

/** Whether somebody else can put files into a folder. */
export function isShared(folder: string, own: Accounts = ownAccounts()): boolean {
  return doubtContent(statSync(folder), own) !== undefined;
}

/**
 * Finds the folder of a path, through links that lead to it.
 *
 * @returns the path with its folder as it really is, so that it leads to the same place from now on
 * @throws {UsageError} when another account has made one of the links
 * @throws when there is no such folder
 */
export function pinFolder(path: string, own: Accounts = ownAccounts()): string {
  const folder = dirname(resolve(path));
  const real = realpathSync(folder); // first: links that go round in a circle end here
  if (real !== folder) checkLinks(folder, own);
  return join(real, basename(path));
}

function checkLinks(path: string, own: Accounts): void {
  for (let part = path; part !== dirname(part); part = dirname(part)) {
    const stats = lstatSync(part);
    if (!stats.isSymbolicLink()) continue;
    const doubt = doubtOwner(stats, own);
    if (doubt !== undefined) throw new UsageError(`${part} is a link, and ${doubt}`);
    checkLinks(resolve(dirname(part), readlinkSync(part)), own);
  }
}
