/**
 * Fills in the front-end configurations under `conf/`, for `postern conf` and for the tests: so the tests run what is
 * printed.
 */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { UsageError } from '../../errors.ts';
import { packageFile } from '../package.ts';
import { fillTemplate } from './template.ts';
import { checkValues, resolveValue } from './values.ts';
import type { Values } from './values.ts';

/**
 * The text of `conf/<file>` with every placeholder filled in.
 *
 * Addresses are given as on postern's command line, and are written in the syntax of the server. A value for which the
 * file has no placeholder is ignored, so that one set of values can be used for every file.
 *
 * @throws {UsageError} for a value that is unknown, missing or not allowed. The message names the value
 */
export function renderConf(file: string, values: Values): string {
  checkValues(file, values);
  return fillTemplate(confText(file), (name) => {
    const value = resolveValue(file, name, (given) => values[given]);
    if (value === undefined) throw new UsageError(`conf/${file}: no value for ${name}`);
    return value;
  });
}

/**
 * The names of the values that make a difference to `conf/<file>`, with these values: what stands in a section that is
 * left out makes none.
 */
export function usedValues(file: string, values: Values): ReadonlySet<string> {
  const used = new Set<string>();
  const read = (name: string): string | undefined => {
    used.add(name);
    return values[name];
  };
  fillTemplate(confText(file), (name) => resolveValue(file, name, read) ?? '');
  return used;
}

function confText(file: string): string {
  try {
    return readFileSync(join(dirname(packageFile()), 'conf', file), 'utf8');
  } catch (error) {
    throw new UsageError(`there is no configuration conf/${file}`, { cause: error });
  }
}
