/**
 * How much is tried, and where it begins: the same inputs in each run of the tests, and others with `npm run fuzz`.
 *
 * FUZZ_RUNS is how many inputs there are of what goes over a socket; of what a function takes there are more.
 * FUZZ_SEED is where they begin; a failure tells it, and is found again with it.
 */

import * as fc from 'fast-check';
import { expect, test, vi } from 'vitest';

import type { Holdings, Service } from '../fastcgi/service.ts';

export const RUNS = Number(process.env['FUZZ_RUNS'] ?? 400);
export const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_121);

/** Inputs after which is looked at what the process holds. */
export const BATCH = 100;

/** Inputs of a function for each one of what goes over a socket: they take about the same time. */
const FUNCTION_RUNS = 5;

/** A test of functions: `property` holds for all inputs. */
export function fuzz<T>(name: string, property: fc.IProperty<T>): void {
  test(`${name} [seed ${SEED}]`, { timeout: 60_000 + 20 * RUNS }, () => {
    fc.assert(property, { seed: SEED, numRuns: RUNS * FUNCTION_RUNS });
  });
}

const MB = 1_000_000;

/** Nothing is left in the process of what has been, and there was never much. */
export async function expectNothingHeld(service: Service, before: Holdings): Promise<void> {
  const { descriptors, resources, held } = before;
  const clean = { descriptors, resources, unhandled: 0, openBodies: 0, closedTwice: 0 };
  await vi.waitFor(async () => expect(await service.holdings()).toMatchObject(clean), {
    timeout: 20_000,
  });
  const now = await service.holdings();
  expect(now.held - held).toBeLessThan(10 * MB);
  expect(now.peak).toBeLessThan(300 * MB);
}
