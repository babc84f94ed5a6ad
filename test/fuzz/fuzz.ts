/**
 * How much is tried, and where it begins: the same inputs in each run of the tests, and others with `npm run fuzz`.
 *
 * FUZZ_RUNS is how many inputs there are of what goes over a socket; of what a function takes there are more.
 * FUZZ_SEED is where they begin; a failure tells it, and is found again with it.
 */

import * as fc from 'fast-check';
import { test } from 'vitest';

export const RUNS = Number(process.env['FUZZ_RUNS'] ?? 400);
export const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_121);

/** Inputs of a function for each one of what goes over a socket: they take about the same time. */
const FUNCTION_RUNS = 5;

/** A test of functions: `property` holds for all inputs. */
export function fuzz<T>(name: string, property: fc.IProperty<T>): void {
  test(`${name} [seed ${SEED}]`, { timeout: 60_000 + 20 * RUNS }, () => {
    fc.assert(property, { seed: SEED, numRuns: RUNS * FUNCTION_RUNS });
  });
}
