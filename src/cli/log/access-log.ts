/** Opens the access log: on a terminal, a standard stream, or a file. */

import { createAccessLog } from '../../logging/access-log.ts';
import type { AccessEntry } from '../../types.ts';
import { LogFile } from './file.ts';
import type { Settings } from '../options/options.ts';

/** An access log that is open. */
export interface OpenAccessLog {
  /** The `accessLog` of a gateway. */
  readonly log: (entry: AccessEntry) => void;
  /** Its file, if it goes to a file. */
  readonly file: LogFile | undefined;
}

/**
 * Opens the access log of the settings. At a terminal it is on by default.
 *
 * @throws {UsageError} when the file cannot be opened, or the format is invalid
 */
export function openAccessLog(settings: Settings): OpenAccessLog | undefined {
  const isTerminal = process.stderr.isTTY;
  const target = settings.accessLog ?? (isTerminal ? '' : false);
  if (target === false) return undefined;
  const format = settings.accessLogFormat ?? (isTerminal && target === '' ? 'dev' : 'combined');
  if (target === '' || target === '-') {
    const stream = target === '' ? process.stderr : process.stdout;
    // A closed pipe is no error of the server. off() first, so that there is only one listener.
    stream.off('error', ignore).on('error', ignore);
    return { log: createAccessLog(format, (line) => void stream.write(line)), file: undefined };
  }
  const file = new LogFile(target);
  return { log: createAccessLog(format, (line) => file.write(line)), file };
}

function ignore(): void {}
