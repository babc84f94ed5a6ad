/** Reads options from a JSON file, or from the key `"postern"` of the nearest package.json. */

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

import { UsageError } from '../../errors.ts';
import { doubtContent, doubtFolder, doubtOwner, ownAccounts } from '../../files/ownership.ts';
import type { Accounts } from '../../files/ownership.ts';
import { WrongUsage } from '../options/option.ts';
import type { Option } from '../options/option.ts';
import { OPTIONS, OPTION_NAMES } from '../options/options.ts';
import type { OptionName, RawValue, Source } from '../options/options.ts';
import { reportLine } from '../report.ts';
import { didYouMean, similarTo } from '../../similar.ts';

const PACKAGE = 'package.json';

/**
 * Reads a configuration file. The user has named it, so its owner does not matter. In a package.json the configuration is
 * the key `"postern"`.
 *
 * @throws {UsageError} when it cannot be read
 * @throws {WrongUsage} when it is not a JSON object, or has an unknown key
 */
export function readConfigFile(file: string): Source {
  const text = orExplain(file, () => readFileSync(file, 'utf8'));
  if (text === undefined) throw new UsageError(`no such configuration file: ${file}`);
  const config = parse(file, text);
  return toSource(file, basename(file) === PACKAGE ? (packageKey(config) ?? {}) : config);
}

/**
 * Reads the key `"postern"` of the package.json to which a folder belongs. The user has not named this file, so it must
 * belong to a trusted account: see files/ownership.ts. Otherwise it is not read, and a line is printed.
 *
 * @param application the path of the application, if it is known. Its owner is trusted too, because its code is run
 * @returns undefined when there is no such file, it is not trusted, or it has no such key
 */
export function readPackageConfig(folder: string, application?: string): Source | undefined {
  for (let current = resolve(folder); ; current = dirname(current)) {
    const file = join(current, PACKAGE);
    const found = orExplain(file, () => readOwn(file, accountsFor(application)));
    if (found !== undefined) {
      if ('doubt' in found) {
        reportLine(`${file} is not read: ${found.doubt} (--config FILE reads it all the same)`);
        return undefined;
      }
      const config = packageKey(parse(file, found.text));
      return config === undefined ? undefined : toSource(file, config);
    }
    if (current === dirname(current)) return undefined;
  }
}

function packageKey(content: unknown): unknown {
  return (content as { postern?: unknown } | null)?.postern;
}

function accountsFor(application: string | undefined): Accounts {
  const own = ownAccounts();
  return own === undefined || application === undefined
    ? own
    : new Set([...own, statSync(application).uid]);
}

/** Why a file that nobody has named is not trusted: because of its owner, or of who may replace it. */
export function doubtFile(file: string): string | undefined {
  const own = ownAccounts();
  return doubtName(file, own) ?? doubtContent(statSync(file), own);
}

function doubtName(file: string, own: Accounts): string | undefined {
  const named = lstatSync(file);
  const doubt = doubtOwner(named, own) ?? doubtFolder(dirname(file), own);
  if (doubt !== undefined || !named.isSymbolicLink()) return doubt;
  return doubtFolder(dirname(realpathSync(file)), own);
}

/** The text of a file, or why it is not trusted. Nobody can replace the file between the check and the reading. */
function readOwn(file: string, own: Accounts): { text: string } | { doubt: string } {
  let doubt = doubtName(file, own);
  if (doubt !== undefined) return { doubt };
  // O_NONBLOCK: opening a pipe would block.
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    doubt = doubtContent(fstatSync(fd), own);
    return doubt === undefined ? { text: readFileSync(fd, 'utf8') } : { doubt };
  } finally {
    closeSync(fd);
  }
}

/** @returns undefined when there is no such file */
function orExplain<T>(file: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new UsageError(`cannot read ${file}: ${message}`, { cause: error });
  }
}

function parse(file: string, text: string): unknown {
  try {
    // A byte order mark, as some editors of Windows write it, is no JSON.
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new WrongUsage(`${file} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function toSource(file: string, config: unknown): Source {
  if (config === null || typeof config !== 'object' || Array.isArray(config)) {
    throw new WrongUsage(`${file}: the configuration is not an object`);
  }
  const values: Partial<Record<OptionName, RawValue>> = {};
  for (const [key, value] of Object.entries(config as Record<string, unknown>)) {
    const name = OPTION_NAMES.find((candidate) => candidate === key);
    if (name === undefined)
      throw new WrongUsage(`${file}: there is no option ${JSON.stringify(key)}${remedyFor(key)}`);
    if (!isRawValue(value))
      throw new WrongUsage(`${file}: ${key} is not a string, number, boolean or list`);
    values[name] = value;
  }
  // The path is relative to the configuration file.
  if (typeof values.app === 'string') values.app = resolve(dirname(file), values.app);
  return { label: (name) => `${file}: ${name}`, values };
}

function remedyFor(key: string): string {
  if (key === 'postern') return ': only in a package.json the options are below this key';
  const sameAs = OPTION_NAMES.find((name) => {
    const { aliases = [] }: Option<unknown> = OPTIONS[name];
    return aliases.includes(key); // "port"
  });
  const meant = sameAs ?? similarTo(key, OPTION_NAMES);
  return didYouMean(meant && JSON.stringify(meant));
}

function isRawValue(value: unknown): value is RawValue {
  if (Array.isArray(value)) return value.every(isScalar);
  return isScalar(value) || typeof value === 'boolean';
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number';
}
