/** Accounts and groups of this machine, by their names and numbers (passwd(5), group(5)). */

import { readFileSync } from 'node:fs';

import { UsageError } from '../errors.ts';

/** An account, with all groups that it is a member of. */
export interface Account {
  readonly uid: number;
  readonly gids: ReadonlySet<number>;
}

/** @returns undefined where /etc/passwd has no such account */
export function findAccount(name: string): Account | undefined {
  const [, , uid, gid] = linesOf('passwd').find(([account]) => account === name) ?? [];
  if (uid === undefined) return undefined;
  const groups = linesOf('group').filter((fields) => fields[3]?.split(',').includes(name));
  return {
    uid: Number(uid),
    gids: new Set([gid, ...groups.map((fields) => fields[2])].map(Number)),
  };
}

/** The name of an account's own group. @returns undefined where it is not known */
export function groupOf(account: string): string | undefined {
  const gid = linesOf('passwd').find(([name]) => name === account)?.[3];
  return gid && linesOf('group').find((fields) => fields[2] === gid)?.[0];
}

/** The user id of an account, which is given by name or number. @throws {UsageError} when there is none */
export function readAccount(text: string): number {
  return numberOf(text, 'passwd', 'account');
}

/** The id of a group, which is given by name or number. @throws {UsageError} when there is none */
export function readGroup(text: string): number {
  return numberOf(text, 'group', 'group');
}

function numberOf(text: string, database: 'passwd' | 'group', kind: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  // In both databases the number is the third field.
  const isNamed = (fields: readonly string[]): boolean => fields[0] === text;
  const number = /^[\w.-]+$/.test(text)
    ? (linesOf(database).find(isNamed) ?? askFor(database, text).find(isNamed))?.[2]
    : undefined;
  if (number === undefined)
    throw new UsageError(`there is no ${kind} ${JSON.stringify(text)} on this machine`);
  return Number(number);
}

function linesOf(database: string): string[][] {
  try {
    return split(readFileSync(`/etc/${database}`, 'utf8'));
  } catch {
    return [];
  }
}

/** Accounts that are kept elsewhere (LDAP, systemd): getent(1) asks there. */
function askFor(database: string, name: string): string[][] {
  // No start pays for a module that next to none needs.
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const { stdout } = spawnSync('getent', [database, name], { encoding: 'utf8' });
  return split(stdout ?? '');
}

function split(text: string): string[][] {
  return text.split('\n').map((line) => line.split(':'));
}
