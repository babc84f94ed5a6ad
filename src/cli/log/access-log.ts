/** Where the lines of the access log go. */

import { createAccessLog } from '../../logging/access-log.ts';
import type { AccessEntry } from '../../types.ts';
import { LogFile } from './file.ts';
import type { Settings } from '../options/options.ts';

/** An access log that is open. */
export interface OpenAccessLog {
  /** The `accessLog` of a gateway. */
  readonly log: (entry: AccessEntry) => void;
  /** Its file, if it is one. */
  readonly file: LogFile | undefined;
}

/**
 * Opens the access log that the settings ask for. At a terminal that is one without asking.
 *
 * @throws {UsageError} when the file cannot be opened, or the format is none
 */
export function openAccessLog(settings: Settings): OpenAccessLog | undefined {
  const isTerminal = process.stderr.isTTY;
  const target = settings.accessLog ?? (isTerminal ? '' : false);
  if (target === false) return undefined;
  const format = settings.accessLogFormat ?? (isTerminal && target === '' ? 'dev' : 'combined');
  if (target === '' || target === '-') {
    const stream = target === '' ? process.stderr : process.stdout;
    // Nobody reads it any more: that is no error of the server. Off first: one of them is enough.
    stream.off('error', ignore).on('error', ignore);
    return { log: createAccessLog(format, (line) => void stream.write(line)), file: undefined };
  }
  const file = new LogFile(target);
  return { log: createAccessLog(format, (line) => file.write(line)), file };
}

function ignore(): void {}
