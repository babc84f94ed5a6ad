/** StreamHandler in the test's own process: the core without a gateway around it. */

import { once } from 'node:events';
import { PassThrough } from 'node:stream';

import { loadApplication } from '../load.ts';
import { StreamHandler } from '../../../src/handler/stream-handler.ts';
import type { Driver } from '../types.ts';
import { bodyOf, cgiVariables } from '../variables.ts';

const LOG = { error() {}, warn() {}, info() {}, debug() {} };

class OnceHandler extends StreamHandler {
  override readonly runOnce = true;
}

export const streamDriver: Driver = {
  name: 'StreamHandler',
  gateway: 'cgi',
  cannot: {
    repeats: 'its variables are an object, which has each name once',
    uncaught: "the process is the test runner's own, which takes the error itself",
  },
  async start(application) {
    const run = await loadApplication(application);
    let log = '';
    return {
      async open(request) {
        const stdin = new PassThrough();
        const stdout = new PassThrough();
        const stderr = new PassThrough();
        stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
        stdin.write(bodyOf(request));
        if (request.excess !== undefined) stdin.write(request.excess);
        else if (request.unfinished !== true) stdin.end();
        const environ = cgiVariables(request);
        const handler = new OnceHandler({ stdin, stdout, stderr, environ }, { log: LOG });
        const finished = Promise.resolve(handler.run(run)).then(() => void stdout.end());
        const closed = once(stdout, 'close');
        return {
          output: stdout[Symbol.asyncIterator](),
          style: 'cgi',
          clean: Promise.all([finished, closed]).then(() => stdout.readableEnded),
          leave: () => void stdout.destroy(),
        };
      },
      logs: () => [log],
      async stop() {},
    };
  },
};
