/** Notes the events of a request, its response and their socket. */

import type { IncomingMessage, ServerResponse } from 'node:http';

const EVENTS = {
  req: ['aborted', 'end', 'error', 'close', 'timeout'],
  res: ['prefinish', 'finish', 'error', 'close', 'timeout', 'drain'],
  socket: ['end', 'finish', 'error', 'close', 'timeout'],
};

export type Listener = (req: IncomingMessage, res: ServerResponse, seen: string[]) => void;

/** Notes the events, then calls the listener. */
export function watched(
  listener: Listener,
  seen: string[],
): (req: IncomingMessage, res: ServerResponse) => unknown {
  return (req, res) => {
    for (const [name, emitter] of Object.entries({ req, res, socket: req.socket })) {
      for (const event of EVENTS[name as keyof typeof EVENTS]) {
        emitter.on(event, (first: unknown) => {
          const error = first instanceof Error ? ` ${codeOf(first)}` : '';
          seen.push(`${name} ${event}${error}`);
        });
      }
    }
    const result: unknown = listener(req, res, seen);
    seen.push('listener');
    return result;
  };
}

export function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message;
}

/** Whether the last events have come. */
export const isOver = (seen: readonly string[]): boolean =>
  seen.includes('socket close') && seen.includes('req close') && seen.includes('res close');
