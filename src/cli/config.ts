/** Options from a JSON file, or from the `"postern"` key of the nearest package.json. */

import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { UsageError } from '../errors.ts';
import { OPTION_NAMES } from './options.ts';
import type { OptionName, RawValue, Source } from './options.ts';

/**
 * Reads a configuration file.
 *
 * @throws {UsageError} when it cannot be read, is no JSON object, or has a key that is no option
 */
export function readConfigFile(file: string): Source {
  const text = readText(file);
  if (text === undefined) throw new UsageError(`no such configuration file: ${file}`);
  return toSource(file, parse(file, text));
}

/**
 * Finds the package.json that a folder belongs to and reads its key `"postern"`.
 *
 * @returns undefined when there is no such file, or it has no such key
 */
export function readPackageConfig(folder: string): Source | undefined {
  for (let current = resolve(folder); ; current = dirname(current)) {
    const file = join(current, 'package.json');
    const text = readText(file);
    if (text !== undefined) {
      const config = (parse(file, text) as { postern?: unknown } | null)?.postern;
      return config === undefined ? undefined : toSource(file, config);
    }
    if (current === dirname(current)) return undefined;
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new UsageError(`cannot read ${file}: ${message}`, { cause: error });
  }
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function toSource(file: string, config: unknown): Source {
  if (config === null || typeof config !== 'object' || Array.isArray(config)) {
    throw new UsageError(`${file}: the configuration is not an object`);
  }
  const values: Partial<Record<OptionName, RawValue>> = {};
  for (const [key, value] of Object.entries(config as Record<string, unknown>)) {
    const name = OPTION_NAMES.find((candidate) => candidate === key);
    if (name === undefined)
      throw new UsageError(`${file}: there is no option ${JSON.stringify(key)}`);
    if (!isRawValue(value))
      throw new UsageError(`${file}: ${key} is no text, number, switch or list`);
    values[name] = value;
  }
  // A module is named from where its name is written.
  if (typeof values.app === 'string') values.app = resolve(dirname(file), values.app);
  return { label: (name) => `${file}: ${name}`, values };
}

function isRawValue(value: unknown): value is RawValue {
  if (Array.isArray(value)) return value.every(isScalar);
  return isScalar(value) || typeof value === 'boolean';
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number';
}
