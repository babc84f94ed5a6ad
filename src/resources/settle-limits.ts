/** The limits of a gateway: those that were given, and the defaults for the others. */

import { UsageError } from '../errors.ts';

/** The longest time that a timer of Node can wait, in milliseconds: some 24 days. */
export const MAX_TIME = 0x7fff_ffff;

/**
 * Fills in the defaults.
 *
 * @param given may hold other options as well. A time for which no timer can wait is no limit, as 0 is.
 * @throws {UsageError} for a limit that is not a number, or below 0
 */
export function settleLimits<L extends { [Name in keyof L]: number }>(
  defaults: Readonly<L>,
  given: Partial<L>,
): L {
  const limits: Partial<L> = {};
  for (const name of Object.keys(defaults) as (keyof L & string)[]) {
    const value: unknown = given[name] ?? defaults[name];
    if (typeof value !== 'number' || !(value >= 0)) {
      throw new UsageError(`${name} ${String(value)} is not a number from 0 up`);
    }
    const isEndless = name.endsWith('Timeout') && value > MAX_TIME;
    limits[name] = (isEndless ? 0 : value) as L[typeof name];
  }
  return limits as L;
}
