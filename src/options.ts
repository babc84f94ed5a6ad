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
  return nameOf(typeof value as ValueKind);
}

/** What the value of an option has to be, as `typeof` says it; `any` where something else checks it. */
export type ValueKind = 'any' | 'boolean' | 'function' | 'number' | 'object' | 'string';

/** The names of options, with the kinds of their values. A number is the default of a limit, which `settleLimits` checks. */
export type OptionTable = Readonly<Record<string, ValueKind | number>>;

/** The table of an interface. The type sees to it that none of its options is left out. */
export type OptionNames<Options> = Readonly<
  Record<Exclude<keyof Options, 'forwarding'>, ValueKind | number>
>;

/** Names of {@link GatewayOptions}. */
export const GATEWAY_OPTIONS: OptionNames<GatewayOptions> = {
  accessLog: 'any',
  log: 'any',
  multiprocess: 'boolean',
  scriptName: 'any',
  sendfile: 'object',
};

const SENDFILE_OPTIONS: OptionNames<SendfileOptions> = {
  header: 'string',
  prefix: 'string',
  root: 'string',
};

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
 * Refuses options that a function does not have: a mistyped limit would be no limit. And values of another kind: the text
 * `'false'` would be true.
 *
 * @param caller the function, or the option whose members these are
 * @throws {UsageError} for the first of them, and for what is no object
 */
export function checkNames(caller: string, given: unknown, known: OptionTable): void {
  if (typeof given !== 'object' || given === null) {
    throw new UsageError(`${caller} takes an object of options, not ${kindOf(given)}`);
  }
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(known, name)) throw unknownOption(caller, name, known);
    const kind = known[name]!;
    const isChecked = typeof kind === 'string' && kind !== 'any';
    if (isChecked && value !== undefined && (typeof value !== kind || value === null)) {
      throw new UsageError(`${name} is ${kindOf(value)}, not ${nameOf(kind)}`);
    }
  }
}

function nameOf(kind: ValueKind): string {
  return kind === 'object' ? 'an object' : `a ${kind}`;
}

function unknownOption(caller: string, name: string, known: OptionTable): UsageError {
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
 * @param caller the function that starts it
 * @throws {UsageError} for one that the gateway does not have, and for a value that it cannot use
 */
export function checkOptions(caller: string, given: GatewayOptions, known: OptionTable): void {
  checkNames(caller, given, known);
  const { scriptName = '', accessLog, log, sendfile } = given;
  if (typeof scriptName !== 'string' || !/^(?:\/.*[^/])?$/s.test(scriptName)) {
    const shown = JSON.stringify(scriptName);
    throw new UsageError(`scriptName ${shown} is neither '' nor a path as '/app'`);
  }
  if (accessLog !== undefined && typeof accessLog !== 'function') {
    const remedy = 'createAccessLog() makes the function for it';
    throw new UsageError(`accessLog is ${kindOf(accessLog)}: ${remedy}`);
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
