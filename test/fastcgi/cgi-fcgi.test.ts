/** libfcgi's `cgi-fcgi` as a client: an implementation of the protocol that is none of ours. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { expect, test } from 'vitest';

import type { Environ } from '../../src/types.ts';
import { describeWithServer } from '../servers/availability.ts';
import { echo, hello, keeping, serve } from './kit.ts';
import type { Running } from './kit.ts';

/** Runs it as a CGI program. @returns what it has written to stdout and stderr */
async function run(
  gateway: Running,
  env: Record<string, string>,
  body = '',
): Promise<{ stdout: string; stderr: string }> {
  const { port } = gateway.server.address() as AddressInfo;
  const client = spawn('cgi-fcgi', ['-bind', '-connect', `127.0.0.1:${port}`], { env });
  const output = { stdout: '', stderr: '' };
  client.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString('latin1')));
  client.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString('latin1')));
  client.stdin.end(body);
  await once(client, 'close');
  return output;
}

const POST = { REQUEST_METHOD: 'POST', REQUEST_URI: '/' };

describeWithServer('cgi-fcgi', 'cgi-fcgi', () => {
  test('PARAMS that it cuts inside pairs arrive whole, wherever the cut falls', async () => {
    const environs: Environ[] = [];
    const gateway = await serve(keeping(environs, hello));
    // It cuts at 8,184 bytes: with these, in the lengths, the name and the value of the second variable.
    for (const size of [8150, 8151, 8152, 8153, 8154, 8155, 8160, 8170]) {
      const env = { REQUEST_METHOD: 'GET', A: 'a'.repeat(size), LONG_NAME: 'b'.repeat(20_000) };
      expect((await run(gateway, env)).stdout).toMatch(/\r\n\r\nhello$/);
      const { A, LONG_NAME } = environs.at(-1)!;
      expect([A, LONG_NAME]).toEqual([env.A, env.LONG_NAME]);
    }
    expect(gateway.log).toEqual([]);
  });

  test('a body goes in and comes out', async () => {
    const gateway = await serve(echo);
    const body = 'x'.repeat(1_000_000);
    const { stdout } = await run(gateway, { ...POST, CONTENT_LENGTH: String(body.length) }, body);
    expect(stdout.slice(stdout.indexOf('\r\n\r\n') + 4)).toBe(body);
  });

  test('STDERR reaches its stderr, beside the response', async () => {
    const gateway = await serve((environ, startResponse) => {
      environ['wsgi.errors'].write('a line for the log\n');
      return hello(environ, startResponse);
    });
    const { stdout, stderr } = await run(gateway, { REQUEST_METHOD: 'GET' });
    expect(stdout).toMatch(/\r\n\r\nhello$/);
    expect(stderr).toBe('a line for the log\n');
  });
});
