import { PassThrough, Writable } from 'node:stream';

import { expect, test, vi } from 'vitest';

import { StreamHandler } from '../../src/handler/stream-handler.ts';

test('a sink that breaks while it is written to ends a body without end', async () => {
  const ended = vi.fn<() => void>();
  function* endless(): Generator<Buffer> {
    try {
      // The bound is for the test: without one, nothing else in this process would get its turn again.
      for (let i = 0; i < 10_000; i++) yield Buffer.alloc(1000);
      throw new Error('it was asked for more all the same');
    } finally {
      ended();
    }
  }
  let writes = 0;
  const stdout = new Writable({
    highWaterMark: 1,
    write(_chunk, _encoding, callback) {
      if (++writes === 3) this.destroy(new Error('EPIPE'));
      else callback();
    },
  });
  const stderr = new PassThrough();
  const handler = new StreamHandler({ stdin: new PassThrough(), stdout, stderr, environ: {} });
  await handler.run((_environ, startResponse) => {
    startResponse('200 OK', []);
    return endless();
  });
  expect(ended).toHaveBeenCalledTimes(1);
  expect(writes).toBe(3);
  expect(stderr.read()).toBe(null);
});
