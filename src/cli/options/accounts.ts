/** The numbers of accounts and groups. */

import { readFileSync } from 'node:fs';

import { UsageError } from '../../errors.ts';

/** The user id of an account, which is given by name or number. */
export function readAccount(text: string): number {
  return numberOf(text, 'passwd', 'account');
}

/** The id of a group, which is given by name or number. */
export function readGroup(text: string): number {
  return numberOf(text, 'group', 'group');
}

function numberOf(text: string, database: 'passwd' | 'group', kind: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const number = /^[\w.-]+$/.test(text)
    ? (find(text, localLines(database)) ?? find(text, askedLines(database, text)))
    : undefined;
  if (number === undefined)
    throw new UsageError(`there is no ${kind} ${JSON.stringify(text)} on this machine`);
  return number;
}

/** In both databases a line is name:password:number and more (passwd(5), group(5)). */
function find(name: string, lines: readonly string[]): number | undefined {
  const fields = lines.map((line) => line.split(':')).find(([first]) => first === name);
  return fields?.[2] === undefined ? undefined : Number(fields[2]);
}

function localLines(database: string): string[] {
  try {
    return readFileSync(`/etc/${database}`, 'utf8').split('\n');
  } catch {
    return [];
  }
}

/** Accounts that are kept elsewhere (LDAP, systemd): getent(1) asks there. */
function askedLines(database: string, name: string): string[] {
  // No start pays for a module that next to none needs.
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const { stdout } = spawnSync('getent', [database, name], { encoding: 'utf8' });
  return (stdout ?? '').split('\n');
}
