/** Readers of options: they parse the text that a user has given. */

import { statSync } from 'node:fs';
import { resolve } from 'node:path';

import { parseAddress } from '../../sockets/address.ts';
import type { Address } from '../../sockets/address.ts';
import { createAllowList } from '../../sockets/allow-list.ts';
import { UsageError } from '../../errors.ts';
import { NotThere } from './option.ts';
import { didYouMean, similarTo } from '../../similar.ts';

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
      throw new UsageError(
        `${JSON.stringify(text)} is none of ${choices.join(', ')}${didYouMean(similarTo(text, choices))}`,
      );
    return choice;
  };
}

/** An address, with what may be meant by one that is none. */
export function readAddress(text: string): Address {
  const meant = meantAddress(text.trim());
  try {
    const address = parseAddress(text);
    // It would be looked up as the name of a host.
    if (!text.startsWith('*')) return address;
  } catch (error) {
    if (meant === undefined) throw error;
  }
  throw new UsageError(`${JSON.stringify(text)} is not an address${didYouMean(meant)}`);
}

function meantAddress(text: string): string | undefined {
  const [, url] = /^(?:https?|tcp|fcgi|scgi|uwsgi):\/\/([^/]+)\/?$/i.exec(text) ?? [];
  if (url !== undefined) return meantAddress(url) ?? url;
  // The same in other programs: unix//run/x.sock in Caddy, unix@/run/x.sock in HAProxy, http+unix:///run/x.sock.
  const path = text.replace(/^(?:http\+)?unix(?::\/\/|[:@/])(?=\/)/, '');
  const isPath = path.includes('/') || /\.sock(?:et)?$/.test(path);
  if (isPath && !path.includes(':')) return `unix:${path}`;
  const [, port] = /^\*:(\d+)$/.exec(text) ?? [];
  if (port !== undefined) return `0.0.0.0:${port}`;
  const [, host, last] = /^([0-9a-f]*:[0-9a-f:]*):(\d+)$/i.exec(text) ?? [];
  if (host !== undefined) return `[${host}]:${last}`;
  return /^(?:\[[0-9a-f:]+\]|[a-z\d](?:[a-z\d-]*[a-z\d])?(?:\.[a-z\d-]+)+|localhost)$/i.test(text)
    ? `${text}:8000`
    : undefined;
}

/** Where a debugger attaches. */
export interface InspectAddress {
  readonly host: string;
  readonly port: number;
}

/** @returns undefined for `false` */
export function readInspectAddress(text: string): InspectAddress | undefined {
  if (text === 'false') return undefined;
  const address = parseAddress(/^(?:|true)$/.test(text) ? INSPECT_PORT : text);
  if (!('port' in address)) throw new UsageError(`${JSON.stringify(text)} is not HOST:PORT`);
  return address;
}

/** As `node --inspect`. */
const INSPECT_PORT = 9229;

export function readMode(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text))
    throw new UsageError(`${JSON.stringify(text)} is not an octal mode such as 0660`);
  return Number.parseInt(text, 8);
}

export function readCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new UsageError(`${JSON.stringify(text)} is not a number from 1 up`);
  return Number(text);
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
    throw new NotThere(`${JSON.stringify(text)} is not a folder`);
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
