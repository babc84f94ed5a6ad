import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { Deadlines } from '../../src/resources/deadlines.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('expires once, not before its time and at most two ticks after it', () => {
  for (const ms of [1, 999, 1000, 1001, 5500]) {
    for (const phase of [0, 1, 500, 999]) {
      const deadlines = new Deadlines<string>(1000);
      const expired = vi.fn<(item: string) => void>();
      deadlines.add('other', 60_000, () => {}); // so that the timer is in the middle of a tick
      vi.advanceTimersByTime(phase);
      deadlines.add('a', ms, expired);
      vi.advanceTimersByTime(ms - 1);
      expect(expired).not.toHaveBeenCalled();
      vi.advanceTimersByTime(2001);
      expect(expired.mock.calls).toEqual([['a']]);
      vi.advanceTimersByTime(100_000);
      expect(expired).toHaveBeenCalledTimes(1);
    }
  }
});

test('a second deadline of an item replaces the first, earlier or later', () => {
  const deadlines = new Deadlines<string>(100);
  const first = vi.fn<() => void>();
  const second = vi.fn<() => void>();
  deadlines.add('later', 200, first);
  deadlines.add('later', 5000, second);
  deadlines.add('earlier', 5000, first);
  deadlines.add('earlier', 200, second);
  expect(deadlines.size).toBe(2);
  vi.advanceTimersByTime(1000);
  expect(second).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(5000);
  expect(second).toHaveBeenCalledTimes(2);
  expect(first).not.toHaveBeenCalled();
});

test('a lifted deadline does not pass; lifting one that is not there does nothing', () => {
  const deadlines = new Deadlines<object>(100);
  const expired = vi.fn<() => void>();
  const item = {};
  deadlines.delete(item);
  deadlines.add(item, 200, expired);
  deadlines.delete(item);
  expect(deadlines.size).toBe(0);
  vi.advanceTimersByTime(10_000);
  expect(expired).not.toHaveBeenCalled();
});

test('no time at all, or an endless one, is no deadline and lifts the present one', () => {
  const deadlines = new Deadlines<string>(100);
  const expired = vi.fn<() => void>();
  for (const ms of [0, Infinity]) {
    deadlines.add('a', 200, expired);
    deadlines.add('a', ms, expired);
    expect(deadlines.size).toBe(0);
  }
  vi.advanceTimersByTime(10_000);
  expect(expired).not.toHaveBeenCalled();
});

test('one timer for all items, none when there are none, and a new one for the next', () => {
  const deadlines = new Deadlines<number>(100);
  expect(vi.getTimerCount()).toBe(0);
  for (let item = 0; item < 1000; item++) deadlines.add(item, 500, () => {});
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(1000);
  expect(deadlines.size).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
  const expired = vi.fn<() => void>();
  deadlines.add(1, 100, expired);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(300);
  expect(expired).toHaveBeenCalledTimes(1);
});

test('an expired item may set its next deadline, and lift that of another', () => {
  const deadlines = new Deadlines<string>(100);
  const other = vi.fn<() => void>();
  let expiries = 0;
  const again = (item: string): void => {
    expiries++;
    deadlines.delete('other');
    if (expiries < 3) deadlines.add(item, 100, again);
  };
  deadlines.add('a', 100, again);
  deadlines.add('other', 100, other);
  vi.advanceTimersByTime(10_000);
  expect(expiries).toBe(3);
  expect(other).not.toHaveBeenCalled();
});

test('the timer does not keep the process alive', () => {
  vi.useRealTimers();
  const timers = vi.spyOn(globalThis, 'setInterval');
  const deadlines = new Deadlines<string>(10);
  deadlines.add('a', 60_000, () => {});
  const timer = timers.mock.results[0]!.value as NodeJS.Timeout;
  expect(timer.hasRef()).toBe(false);
  clearInterval(timer);
  timers.mockRestore();
});
