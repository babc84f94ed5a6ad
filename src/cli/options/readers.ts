/** Readers of options: they parse the text that a user has given. */

import { statSync } from 'node:fs';
import { resolve } from 'node:path';

import { createAllowList } from '../../sockets/allow-list.ts';
import { UsageError } from '../../errors.ts';
import { MAX_TIME } from '../../resources/settle-limits.ts';

export function readText(text: string): string {
  if (text === '') throw new UsageError('a value is missing');
  return text;
}

export function readSwitch(text: string): boolean {
  if (/^(?:|true|1|on|yes)$/i.test(text)) return true;
  if (/^(?:false|0|off|no)$/i.test(text)) return false;
  throw new UsageError(`${JSON.stringify(text)} is neither true nor false`);
}

export function readChoice<T extends string>(choices: readonly T[]): (text: string) => T {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined)
      throw new UsageError(`${JSON.stringify(text)} is none of ${choices.join(', ')}`);
    return choice;
  };
}

export function readMode(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text))
    throw new UsageError(`${JSON.stringify(text)} is not an octal mode such as 0660`);
  return Number.parseInt(text, 8);
}

const MAX_SECONDS = MAX_TIME / 1000;

export function readSeconds(text: string): number {
  if (!/^\d{1,9}(?:\.\d+)?$/.test(text))
    throw new UsageError(`${JSON.stringify(text)} is not a number of seconds`);
  const seconds = Number(text);
  if (seconds > MAX_SECONDS)
    throw new UsageError(`${text} seconds are more than ${Math.floor(MAX_SECONDS)}`);
  return seconds;
}

/** Seconds, fractions allowed. @returns milliseconds; 0 for no limit */
export function readMilliseconds(text: string): number {
  const seconds = readSeconds(text);
  return seconds === 0 ? 0 : Math.max(1, Math.round(seconds * 1000));
}

export function readCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new UsageError(`${JSON.stringify(text)} is not a number from 1 up`);
  return Number(text);
}

const UNITS = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** `4096`, `64K`, `16M`, `1G`. */
export function readBytes(text: string): number {
  const [, number, unit] = /^(\d{1,9})([KMG]?)$/i.exec(text) ?? [];
  if (number === undefined)
    throw new UsageError(
      `${JSON.stringify(text)} is not a number of bytes such as 4096, 64K or 16M`,
    );
  return Number(number) * UNITS[unit!.toUpperCase() as keyof typeof UNITS];
}

/** An IP address or a network, or one of these words. */
export function readPeer(...words: readonly string[]): (text: string) => string {
  return (text) => {
    if (!words.includes(text)) createAllowList([text]);
    return text;
  };
}

/** A folder that exists. @returns its absolute path */
export function readFolder(text: string): string {
  const path = resolve(readText(text));
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new UsageError(`${JSON.stringify(text)} is not a folder`);
  return path;
}

/** What proxies tell about a client, each kind with the name of its header; null for a header that is not trusted. */
export type ForwardedNames = 'forwarded' | Record<ForwardedKind, string | null>;
type ForwardedKind = (typeof FORWARDED_KINDS)[number];

const FORWARDED_KINDS = ['for', 'proto', 'host', 'port', 'prefix'] as const;

/** `forwarded`, or `for=X-Real-IP,proto`. Headers that are not named are not trusted. */
export function readForwardedHeaders(text: string): ForwardedNames {
  if (text === 'forwarded') return text;
  const names: Record<ForwardedKind, string | null> = {
    for: null,
    proto: null,
    host: null,
    port: null,
    prefix: null,
  };
  for (const item of text.split(',')) {
    const [, word, header] = /^([a-z]+)(?:=([\w-]+))?$/.exec(item.trim()) ?? [];
    const kind = FORWARDED_KINDS.find((candidate) => candidate === word);
    if (kind === undefined)
      throw new UsageError(
        `${JSON.stringify(item)} is neither forwarded nor one of ${FORWARDED_KINDS.join(', ')}`,
      );
    names[kind] = header ?? `X-Forwarded-${kind}`;
  }
  return names;
}

export function readServerHeader(text: string): string | false {
  return text === 'false' ? false : readText(text);
}
