/**
 * `process.stdout` and `process.stderr`, not made before someone asks for them: Node loads its streams and node:net for
 * each, which takes a CGI program two milliseconds or more.
 */

import type { WriteStream } from 'node:tty';

type StandardStream = WriteStream & { fd: 1 | 2 };

/**
 * Prepares a stream before anyone uses it: when it is first asked for, or now if someone may hold it already.
 *
 * @param prepare called once
 * @returns a function that gives the stream, prepared
 */
export function prepareStream(
  name: 'stdout' | 'stderr',
  prepare: (stream: StandardStream) => void,
): () => StandardStream {
  const { get, value } = Object.getOwnPropertyDescriptor(process, name)!;
  let stream: StandardStream | undefined;
  const open = (): StandardStream => {
    if (stream === undefined) {
      stream = (get === undefined ? value : get.call(process)) as StandardStream;
      prepare(stream);
    }
    return stream;
  };
  if (mayBeOpen()) open();
  else Object.defineProperty(process, name, { configurable: true, enumerable: true, get: open });
  return open;
}

/** What Node loads for such a stream, one of them: a pipe or socket, a terminal, a file. */
const STREAM_MODULES = ['net', 'tty', 'internal/fs/sync_write_stream'];

/** Whether one of the streams may have been made. Node does not tell. Its list of loaded modules is not documented. */
function mayBeOpen(): boolean {
  const { moduleLoadList } = process as { moduleLoadList?: readonly string[] };
  return (
    moduleLoadList === undefined ||
    STREAM_MODULES.some((name) => moduleLoadList.includes(`NativeModule ${name}`))
  );
}
