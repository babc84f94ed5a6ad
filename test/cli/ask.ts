/** One request to a gateway, in whatever protocol it speaks. */

import { once } from 'node:events';
import { connect } from 'node:net';
import type { NetConnectOpts } from 'node:net';

import type { ServerName } from '../../src/cli/registry.ts';
import { encodeRequest as encodeScgi } from '../scgi/client.ts';
import {
  RecordParser,
  TYPE,
  encodeBegin,
  encodePairs,
  encodeStream,
} from '../suite/fastcgi-client.ts';
import { encodeRequest as encodeUwsgi } from '../uwsgi/client.ts';

/** @returns the body of the response; `''` when there is none */
export async function ask(gateway: ServerName, where: NetConnectOpts, path = '/'): Promise<string> {
  const socket = connect(where);
  await once(socket, 'connect');
  socket.write(encode(gateway, path));
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const response = (gateway === 'fastcgi' ? stdoutOf(bytes) : bytes).toString('latin1');
  return response.slice(response.indexOf('\r\n\r\n') + 4);
}

function encode(gateway: ServerName, path: string): Buffer {
  const variables = [
    ['REQUEST_METHOD', 'GET'],
    ['REQUEST_URI', path],
    ['SCRIPT_NAME', ''],
    ['PATH_INFO', path],
    ['QUERY_STRING', ''],
    ['SERVER_PROTOCOL', 'HTTP/1.1'],
  ] as const;
  switch (gateway) {
    case 'http':
      return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    case 'scgi':
      return encodeScgi(variables);
    case 'uwsgi':
      return encodeUwsgi(variables);
    case 'fastcgi':
      return Buffer.concat([
        encodeBegin(1, 0),
        encodeStream(TYPE.PARAMS, 1, encodePairs(variables)),
        encodeStream(TYPE.STDIN, 1, Buffer.alloc(0)),
      ]);
  }
}

function stdoutOf(bytes: Buffer): Buffer {
  const records = new RecordParser().feed(bytes).filter(({ type }) => type === TYPE.STDOUT);
  return Buffer.concat(records.map(({ content }) => content));
}

/** Connects until nobody listens any more. What was accepted just before that is reset. */
export async function untilRefused(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      socket.destroy();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return;
    }
  }
}
