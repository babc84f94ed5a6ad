/** Times and sizes as users write them: `30s`, `500ms`, `2m`, `64K`, `10M`. */

import { UsageError } from '../../errors.ts';
import { MAX_TIME } from '../../resources/settle-limits.ts';

/** Milliseconds. Without a unit a time is in seconds. */
const TIMES = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** A time, fractions allowed. @returns milliseconds; 0 for no limit */
export function readMilliseconds(text: string): number {
  const [, number, unit = 's'] = /^(\d{1,9}(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  if (number === undefined)
    throw new UsageError(
      `${JSON.stringify(text)} is not a time such as 30s, 500ms or 2m (without a unit: seconds)`,
    );
  const time = Number(number) * TIMES[unit as keyof typeof TIMES];
  if (time > MAX_TIME)
    throw new UsageError(`${text} is more than ${Math.floor(MAX_TIME / TIMES.s)} seconds`);
  return time === 0 ? 0 : Math.max(1, Math.round(time));
}

/** A time, in seconds. */
export function readSeconds(text: string): number {
  return readMilliseconds(text) / TIMES.s;
}

/** Milliseconds as a text that {@link readMilliseconds} reads: `75s`, `10m`. */
export function formatTime(time: number): string {
  if (time % TIMES.s !== 0) return `${time}ms`;
  const isMinutes = time > TIMES.m && time % TIMES.m === 0;
  return isMinutes ? `${time / TIMES.m}m` : `${time / TIMES.s}s`;
}

const SIZES = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 } as const;

/** `4096`, `64K`, `16M`, `1G`, also as `64KiB` and `64kB`. @returns bytes */
export function readBytes(text: string): number {
  const [, number, unit] = /^(\d{1,9})([KMG]?)(?:i?B)?$/i.exec(text) ?? [];
  if (number === undefined)
    throw new UsageError(
      `${JSON.stringify(text)} is not a number of bytes such as 4096, 64K or 10M`,
    );
  return Number(number) * SIZES[unit!.toUpperCase() as keyof typeof SIZES];
}

/** Bytes as a text that {@link readBytes} reads, with the largest unit that divides them: `128K`. */
export function formatBytes(bytes: number): string {
  for (const unit of ['G', 'M', 'K'] as const)
    if (bytes >= SIZES[unit] && bytes % SIZES[unit] === 0) return `${bytes / SIZES[unit]}${unit}`;
  return String(bytes);
}
