/** An application that shows its environ: to try out a gateway. */

import { inspect } from 'node:util';

import type { ApplicationFunction } from '../types.ts';

/** Greets, and lists the environ, sorted by name (wsgiref's `demo_app`). It shows the client everything. */
export const demoApp: ApplicationFunction = (environ, startResponse) => {
  const lines = Object.keys(environ)
    .toSorted()
    .map((name) => `${name} = ${inspect(environ[name], { depth: 0, breakLength: Infinity })}`);
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']]);
  return [Buffer.from(['Hello world!', '', ...lines, ''].join('\n'))];
};
