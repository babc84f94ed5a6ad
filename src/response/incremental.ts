/** Headers that ask those in between to pass an event stream on piece by piece. */

import type { HeaderList } from '../types.ts';
import type { CheckedHeaders } from './headers.ts';

const EVENT_STREAM = /^text\/event-stream *(?:;|$)/i;

/**
 * Adds `Incremental: ?1` to an event stream (RFC 10036), and `X-Accel-Buffering: no` if the front end is nginx, which
 * takes it out of the response again. What the application has set stays. Other responses stay as they are.
 *
 * @param headers of a response whose length is not known
 * @param frontEnd SERVER_SOFTWARE
 */
export function addIncremental(headers: CheckedHeaders, frontEnd: unknown): void {
  const { list } = headers;
  const type = valueOf(list, 'content-type');
  if (type === undefined || !EVENT_STREAM.test(type)) return;
  if (valueOf(list, 'incremental') === undefined) list.push(['Incremental', '?1']);
  const isNginx = typeof frontEnd === 'string' && frontEnd.startsWith('nginx');
  if (isNginx && valueOf(list, 'x-accel-buffering') === undefined) {
    list.push(['X-Accel-Buffering', 'no']);
  }
}

function valueOf(list: HeaderList, lower: string): string | undefined {
  for (const [name, value] of list) if (name.toLowerCase() === lower) return value;
  return undefined;
}
