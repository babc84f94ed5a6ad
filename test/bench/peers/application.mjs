/** The benchmark's application for postern, on whichever gateway. */

import { HELLO, PAGE, stream } from './answers.mjs';

/** @type {import('../../../src/types.ts').HeaderList} */
const TEXT = [['Content-Type', 'text/plain']];

/** @type {import('../../../src/types.ts').ApplicationFunction} */
export default function application(environ, startResponse) {
  switch (environ.PATH_INFO) {
    case '/16k':
      startResponse('200 OK', TEXT);
      return [PAGE];
    case '/1m':
      startResponse('200 OK', TEXT);
      return stream();
    case '/upload':
      return count(environ, startResponse);
    default:
      startResponse('200 OK', TEXT);
      return [HELLO];
  }
}

/** @type {import('../../../src/types.ts').ApplicationFunction} */
async function count(environ, startResponse) {
  let length = 0;
  for await (const chunk of environ['wsgi.input']) length += chunk.length;
  startResponse('200 OK', TEXT);
  return [Buffer.from(String(length))];
}
