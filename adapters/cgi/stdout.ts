/** Standard output, reserved for the response. */

import { Writable } from 'node:stream';

let taken: Writable | undefined;

/**
 * Reserves standard output for the response. From now on what is written to `process.stdout`, by `console.log` for
 * example, goes to standard error, and so to the web server's error log.
 *
 * This does not cover `fs.writeSync(1, …)`, child processes that inherit the descriptor, and what was written before.
 *
 * @returns a stream that writes to standard output; the same one for each call
 */
export function takeStdout(): Writable {
  return (taken ??= capture(process.stdout));
}

function capture(stdout: NodeJS.WriteStream): Writable {
  const write = stdout.write.bind(stdout);
  // Replaces the method, not `process.stdout`: a console or a library may already hold the stream.
  stdout.write = ((...args: Parameters<typeof write>) => {
    process.stderr.write(...args);
    // Never false: this stream emits no 'drain' for what stderr takes.
    return true;
  }) as typeof stdout.write;
  // Each write also passes its error to its callback.
  stdout.on('error', () => {});
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      write(chunk, done);
    },
  });
}
