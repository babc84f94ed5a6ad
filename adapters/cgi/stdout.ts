/** Standard output, which belongs to the response alone. */

import { Writable } from 'node:stream';

let taken: Writable | undefined;

/**
 * Takes standard output for the response. From now on everything else that is written to
 * `process.stdout`, `console.log` before all, goes to standard error, where a web server's error log
 * picks it up.
 *
 * Out of reach are `fs.writeSync(1, …)`, child processes that inherit the descriptor, and what was
 * written before.
 *
 * @returns a stream that ends up in standard output; the same one for every call
 */
export function takeStdout(): Writable {
  return (taken ??= capture(process.stdout));
}

function capture(stdout: NodeJS.WriteStream): Writable {
  const write = stdout.write.bind(stdout);
  // The method and not `process.stdout`: a console, or a library, may hold the stream already.
  stdout.write = ((...args: Parameters<typeof write>) => {
    process.stderr.write(...args);
    // Its 'drain' will not come from this stream, so nobody is told to wait for it.
    return true;
  }) as typeof stdout.write;
  // Writes report their error to their callback as well, and there is no other use of the stream.
  stdout.on('error', () => {});
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      write(chunk, done);
    },
  });
}
