#!/usr/bin/env postern
// Server-sent events: one each second, for as long as the client listens.  curl -N http://127.0.0.1:8000/
import { setTimeout } from 'node:timers/promises';

export default async function* stream(environ, startResponse) {
  startResponse('200 OK', [
    ['Content-Type', 'text/event-stream'],
    ['Cache-Control', 'no-cache'],
  ]);
  const signal = environ['postern.signal']; // aborted when the client leaves
  for (let count = 1; !signal.aborted; count++) {
    yield Buffer.from(`data: ${count}\n\n`);
    await setTimeout(1000, undefined, { signal }).catch(() => {});
  }
}
