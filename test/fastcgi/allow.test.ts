import { spawnSync } from 'node:child_process';
import type { AddressInfo } from 'node:net';

import { expect, test, vi } from 'vitest';

import { runWithFastCgi } from '../../adapters/fastcgi/index.ts';
import type { StartResponse } from '../../src/types.ts';
import { TYPE, encodeBegin, encodePairs, encodeStream } from '../suite/fastcgi-client.ts';

test('a peer that may not connect gets nothing done, not even when it has left already', async () => {
  const application = vi.fn((_environ: object, startResponse: StartResponse) => {
    startResponse('200 OK', []);
    return [];
  });
  const log: string[] = [];
  const server = await runWithFastCgi(application, {
    listen: '127.0.0.1:0',
    allow: ['10.0.0.0/8'],
    log: { error() {}, warn: (message) => log.push(message), info() {}, debug() {} },
  });
  const { port } = server.address() as AddressInfo;
  const request = Buffer.concat([
    encodeBegin(1, 0),
    encodeStream(TYPE.PARAMS, 1, encodePairs([['REQUEST_METHOD', 'GET']])),
    encodeStream(TYPE.STDIN, 1, Buffer.alloc(0)),
  ]);
  // Meanwhile this process does not get to accept the connection. The request arrives all the same.
  const client = `
    const socket = require('net').connect(${port}, '127.0.0.1', () => {
      socket.write(Buffer.from('${request.toString('hex')}', 'hex'), () => socket.resetAndDestroy());
    });`;
  expect(spawnSync(process.execPath, ['-e', client]).status).toBe(0);
  await expect.poll(() => log).toHaveLength(1);
  expect(log[0]).toBe('fastcgi: a peer that has left: not among the addresses that may connect');
  expect(application).not.toHaveBeenCalled();
  await server.close();
});
