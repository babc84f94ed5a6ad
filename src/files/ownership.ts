/**
 * Who owns a file: whether another account can have made it, or can change it. This is checked before a file is read that
 * the user has not named, and before a file is removed or written in a folder to which others may write.
 *
 * The rule is git's (CVE-2022-24765): a file is trusted when it belongs to this account. Files of root are trusted too:
 * root can do anything anyway. For root, so are files of the account that has called sudo. Files to which a group may
 * write are trusted: their owner wants it so, and with umask 002 every file is one of them. On Windows, which has other
 * permissions, nothing is checked.
 */

import { constants, lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

import { UsageError } from '../errors.ts';

const EVERYBODY_WRITES = constants.S_IWOTH;
/** The sticky bit of a folder such as /tmp: only their owners may rename and remove files in it (inode(7)). */
const STICKY = 0o1000;

/** Accounts by their user ids; undefined where there are none. */
export type Accounts = ReadonlySet<number> | undefined;

/** The accounts whose files are trusted. */
export function ownAccounts(): Accounts {
  const uid = process.geteuid?.();
  if (uid === undefined) return undefined;
  const caller = process.env['SUDO_UID'];
  const isSudo = uid === 0 && caller !== undefined && /^\d{1,10}$/.test(caller);
  return new Set(isSudo ? [0, Number(caller)] : [0, uid]);
}

type Owned = Pick<Stats, 'uid' | 'mode'>;

/**
 * Why the owner of a file or a link is not trusted.
 *
 * @param name of the file, in the text that is returned
 * @returns undefined when the owner is trusted
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

/** Why the content of a file or a folder is not trusted: because of its owner, or because everybody may write to it. */
export function doubtContent(
  stats: Owned,
  own: Accounts = ownAccounts(),
  name = 'it',
): string | undefined {
  const doubt = doubtOwner(stats, own, name);
  if (doubt !== undefined || own === undefined) return doubt;
  return stats.mode & EVERYBODY_WRITES ? `everybody may write to ${name}` : undefined;
}

/** Why files in a folder are not trusted: another account may have replaced them. */
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
 * Resolves the links in the folder of a path.
 *
 * @returns the path without links in its folder, so that nobody can make it lead to another place
 * @throws {UsageError} when another account has made one of the links
 * @throws when there is no such folder
 */
export function pinFolder(path: string, own: Accounts = ownAccounts()): string {
  const folder = dirname(resolve(path));
  const real = realpathSync(folder); // first, because it throws for links that form a circle
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
