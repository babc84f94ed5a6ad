/** Options that a program gives to a gateway: which there are, and what they may be. */

import { UsageError } from './errors.ts';
import { similarTo } from './similar.ts';
import type { GatewayOptions, Log, SendfileOptions } from './types.ts';

/**
 * A list as an array, or as text with commas or spaces: `['127.0.0.1', '::1']`, `'127.0.0.1, ::1'`. Empty text is an empty
 * list.
 */
export type TextList = string | readonly string[];

/** The entries of a list. @throws {UsageError} for what is no list of text */
export function toList(option: string, list: TextList): readonly string[] {
  const texts: readonly unknown[] = typeof list === 'string' ? [list] : list;
  if (!Array.isArray(texts)) throw notAList(option, texts);
  return texts.flatMap((text) => {
    if (typeof text !== 'string') throw notAList(option, text);
    return text.split(/[\s,]+/).filter((entry) => entry !== '');
  });
}

function notAList(option: string, value: unknown): UsageError {
  return new UsageError(`${option}: ${kindOf(value)} is neither text nor a list of text`);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** The names of all options of a kind, as keys. The type sees to it that none is left out. */
export type OptionNames<Options> = Readonly<Record<Exclude<keyof Options, 'forwarding'>, unknown>>;

/** Names of {@link GatewayOptions}. */
export const GATEWAY_OPTIONS: OptionNames<GatewayOptions> = {
  accessLog: true,
  log: true,
  multiprocess: true,
  scriptName: true,
  sendfile: true,
};

const SENDFILE_OPTIONS: OptionNames<SendfileOptions> = { header: true, prefix: true, root: true };

/** What options of other servers are called here. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  address: 'listen',
  bind: 'listen',
  fd: 'listen',
  host: 'listen',
  hostname: 'listen',
  path: 'listen',
  port: 'listen',
  socket: 'listen',
  cert: 'tls',
  certFile: 'tls',
  key: 'tls',
  keyFile: 'tls',
  https: 'tls',
  mount: 'scriptName',
  trustProxy: 'forwardedAllowIps',
};

/**
 * Refuses options that a function does not have: a mistyped limit would be no limit.
 *
 * @param caller the name of the function
 * @param known as keys: see {@link OptionNames}
 * @throws {UsageError} for the first of them, and for what is no object
 */
export function checkNames(
  caller: string,
  given: unknown,
  known: Readonly<Record<string, unknown>>,
): void {
  if (typeof given !== 'object' || given === null) {
    throw new UsageError(`the options of ${caller} are ${kindOf(given)}, not an object`);
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(known, name)) throw unknownOption(caller, name, known);
  }
}

function unknownOption(
  caller: string,
  name: string,
  known: Readonly<Record<string, unknown>>,
): UsageError {
  const other = OTHER_NAMES[name];
  const meant =
    other !== undefined && Object.hasOwn(known, other)
      ? other
      : similarTo(name, Object.keys(known));
  const remedy = meant === undefined ? '' : `: did you mean ${meant}?`;
  return new UsageError(`${caller} has no option ${JSON.stringify(name.slice(0, 100))}${remedy}`);
}

/**
 * Checks the options of a gateway, as far as nothing else does.
 *
 * @param caller the name of the function that starts it
 * @param known as keys: see {@link OptionNames}
 * @throws {UsageError} for one that the gateway does not have, and for a value that it cannot use
 */
export function checkOptions(
  caller: string,
  given: GatewayOptions,
  known: Readonly<Record<string, unknown>>,
): void {
  checkNames(caller, given, known);
  if ('listen' in known && (given as { listen?: unknown }).listen == null) {
    const where = "'127.0.0.1:8000', 8000, 'unix:/run/app.sock' or 'fd:0'";
    throw new UsageError(`${caller} needs the option listen, where it listens: ${where}`);
  }
  const { scriptName = '', accessLog, log, sendfile } = given;
  if (typeof scriptName !== 'string' || !/^(?:\/.*[^/])?$/s.test(scriptName)) {
    throw new UsageError(
      `scriptName ${JSON.stringify(scriptName)} is neither '' nor a path as '/app'`,
    );
  }
  if (accessLog !== undefined && typeof accessLog !== 'function') {
    throw new UsageError(
      `accessLog is ${kindOf(accessLog)}: createAccessLog() makes the function for it`,
    );
  }
  if (log !== undefined && !isLog(log)) {
    throw new UsageError('log lacks one of the methods error(), warn(), info() and debug()');
  }
  if (sendfile !== undefined) checkNames('sendfile', sendfile, SENDFILE_OPTIONS);
}

function isLog(log: Log | null): boolean {
  const methods = ['error', 'warn', 'info', 'debug'] as const;
  return methods.every((name) => typeof log?.[name] === 'function');
}
