import { describe, expect, test } from 'vitest';

import { runWithHttp } from '../../adapters/http/index.ts';
import { UsageError } from '../../src/errors.ts';
import { settleLimits } from '../../src/resources/settle-limits.ts';

const DEFAULTS = { maxThings: 5, slowTimeout: 1000 };

describe('settleLimits', () => {
  test('fills in the defaults, and takes nothing else over', () => {
    const given = { maxThings: 7, slowTimeout: undefined, other: 1 };
    expect(settleLimits(DEFAULTS, given)).toEqual({ maxThings: 7, slowTimeout: 1000 });
  });

  // Node's timers would fire at once.
  test.each([Infinity, 2 ** 31, 1e300])('a time of %d is none', (value) => {
    expect(settleLimits(DEFAULTS, { slowTimeout: value }).slowTimeout).toBe(0);
    expect(settleLimits(DEFAULTS, { maxThings: value }).maxThings).toBe(value);
  });

  test.each([NaN, -1, '5', {}])('%j is refused', (value) => {
    expect(() => settleLimits(DEFAULTS, { maxThings: value as number })).toThrow(
      new UsageError(`maxThings ${String(value)} is not a number from 0 up`),
    );
  });
});

test('a stop that may last for ever does not cut off at once', async () => {
  let finish: (() => void) | undefined;
  const server = await runWithHttp(
    async (_environ, startResponse) => {
      await new Promise<void>((resolve) => (finish = resolve));
      startResponse('200 OK', []);
      return [Buffer.from('slow')];
    },
    { listen: '127.0.0.1:0' },
  );
  const { port } = server.address() as { port: number };
  const response = fetch(`http://127.0.0.1:${port}/`);
  await expect.poll(() => finish).toBeDefined();
  const closed = server.close({ timeout: Infinity });
  // What would be cut off would be so within a millisecond.
  await new Promise((resolve) => setTimeout(resolve, 20));
  finish!();
  expect(await (await response).text()).toBe('slow');
  await closed;
});
