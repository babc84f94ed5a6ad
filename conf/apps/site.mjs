#!/usr/bin/env postern
// A site of several applications, each of another shape, below prefixes; and middleware around all of them.
import { fromFetch, fromNode, mount, toFunction, wrapBody } from 'postern';

import hello from './hello.mjs';
import listener from './node.mjs';
import { upper } from './upper.mjs';

/** Adds a header, and writes to the log how long each response has taken, whatever becomes of it. */
function timed(application) {
  const call = toFunction(application);
  return (environ, startResponse) => {
    const start = performance.now();
    const body = call(environ, (status, headers, ...excInfo) =>
      startResponse(status, [...headers, ['X-Frame-Options', 'DENY']], ...excInfo),
    );
    const close = () => {
      const taken = (performance.now() - start).toFixed(1);
      environ['wsgi.errors'].write(`${environ.REQUEST_URI} took ${taken} ms\n`);
    };
    return wrapBody(body, { close });
  };
}

const home = fromFetch(
  (request) =>
    new Response(`Home of ${new URL(request.url).pathname}\n`, {
      headers: { 'Content-Type': 'text/plain; charset=utf-8' },
    }),
);

export default timed(
  mount({
    '/hello': hello,
    '/loud': upper(hello),
    '/node': fromNode(listener),
    '/home': home,
  }),
);
