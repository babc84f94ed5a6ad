/** The same answers as a `(req, res)` listener, as one writes it for node:http. */

import { Readable } from 'node:stream';

import { HELLO, PAGE, stream } from './answers.mjs';

/** @type {import('node:http').RequestListener} */
export function listener(request, response) {
  response.setHeader('Content-Type', 'text/plain');
  switch (request.url) {
    case '/16k':
      response.setHeader('Content-Length', PAGE.length);
      response.end(PAGE);
      return;
    case '/1m':
      Readable.from(stream(), { objectMode: false }).pipe(response);
      return;
    case '/upload':
      count(request, response);
      return;
    default:
      response.setHeader('Content-Length', HELLO.length);
      response.end(HELLO);
  }
}

/** @type {import('node:http').RequestListener} */
function count(request, response) {
  let length = 0;
  request.on('data', (chunk) => (length += chunk.length));
  request.on('end', () => response.end(String(length)));
}
