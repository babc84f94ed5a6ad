#!/usr/bin/env postern
// Middleware: an application around another one, of which it turns the responses into capitals.
import hello from './hello.mjs';

export function upper(application) {
  return async (environ, startResponse) => {
    const start = (status, headers, ...excInfo) => {
      const write = startResponse(status, headers, ...excInfo);
      return (chunk) => write(toUpper(chunk));
    };
    return new UpperBody(await application(environ, start));
  };
}

/** One chunk for each of the other body, and its close() passed on, as middleware has to. */
class UpperBody {
  constructor(body) {
    this.body = body;
  }

  async *[Symbol.asyncIterator]() {
    for await (const chunk of this.body) yield toUpper(chunk);
  }

  close() {
    return this.body.close?.();
  }
}

/** ASCII letters alone: a chunk may end in the middle of any other one. */
function toUpper(chunk) {
  return Buffer.from(chunk).map((byte) => (byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte));
}

export default upper(hello);
