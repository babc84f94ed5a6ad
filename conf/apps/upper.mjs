#!/usr/bin/env postern
// Middleware: an application around another one, of which it turns the responses into capitals.
import { toFunction, wrapBody } from 'postern';

import hello from './hello.mjs';

export function upper(application) {
  const call = toFunction(application); // it may be a class, or an object with call()
  return (environ, startResponse) => {
    const body = call(environ, (status, headers, ...excInfo) => {
      const write = startResponse(status, headers, ...excInfo);
      return (chunk) => write(toUpper(chunk));
    });
    return wrapBody(body, { transform: toUpper });
  };
}

/** ASCII letters alone: a chunk may end in the middle of any other one. */
function toUpper(chunk) {
  return Buffer.from(chunk).map((byte) => (byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte));
}

export default upper(hello);
