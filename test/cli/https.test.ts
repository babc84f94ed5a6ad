/** HTTPS by the command. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { CERTIFICATE, KEY } from '../http/certificate.ts';
import { ask } from './ask.ts';
import { CommandProcess, fixture, run } from './process.ts';
import { askTls } from './tls-client.ts';

const APP = fixture('served.mjs');

let folder: string;
let files: string[];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-https-'));
  writeFileSync(join(folder, 'cert.pem'), CERTIFICATE);
  writeFileSync(join(folder, 'key.pem'), KEY);
  writeFileSync(join(folder, 'both.pem'), KEY + CERTIFICATE);
  files = ['--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem')];
});
afterAll(() => rmSync(folder, { recursive: true }));

test('serves every HTTP address, and no other gateway', async () => {
  const args = [APP, '--http', '0', '--http', '[::1]:0', '--scgi', '0', ...files];
  const command = new CommandProcess(args);
  const [, port] = await command.says(/^postern: http on https:\/\/127\.0\.0\.1:(\d+)\/$/m);
  await command.says(/^postern: http on https:\/\/\[::1\]:(\d+)\/$/m);
  const [, scgi] = await command.says(/^postern: scgi on 127\.0\.0\.1:(\d+)$/m);
  expect(await askTls(Number(port), '/x')).toBe('http |/x');
  expect(await ask('scgi', { port: Number(scgi) }, '/x')).toBe('scgi |/x');
});

test('takes certificate and key from one file, and the file from a variable', async () => {
  const env = { POSTERN_CERT: join(folder, 'both.pem') };
  const command = new CommandProcess([APP, '--http', '0'], { env });
  const [, port] = await command.says(/^postern: http on https:\/\/127\.0\.0\.1:(\d+)\/$/m);
  expect(await askTls(Number(port), '/x')).toBe('http |/x');
});

test('explains plain HTTP on its port, and HTTPS on that of plain HTTP, in a line', async () => {
  const secure = new CommandProcess([APP, '--http', '0', ...files]);
  const [, port] = await secure.says(/:(\d+)\/$/m);
  expect(await ask('http', { port: Number(port) })).toBe('');
  await secure.says(/^postern: http: 127\.0\.0\.1:\d+: plain HTTP on an HTTPS port: .*https:/m);

  const plain = new CommandProcess([APP, '--http', '0']);
  const [, other] = await plain.says(/:(\d+)\/$/m);
  await expect(askTls(Number(other), '/')).rejects.toThrow(/SSL|TLS|socket/);
  await plain.says(/^postern: http: 127\.0\.0\.1:\d+: .*TLS.*$/m);
  expect((await plain.stop()).stderr.split('\n')).toHaveLength(3);
});

test('says in one line what is wrong with the files', async () => {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  for (const [args, message] of [
    [['--cert', 'none.pem'], 'cannot read none.pem: there is no such file'],
    [['--cert', key], `${key} holds no certificate in PEM format`],
    [['--cert', cert], `${cert} holds no private key in PEM format`],
  ] as const) {
    expect(await run([APP, '--http', '0', ...args])).toMatchObject({
      stderr: `postern: ${message}\n`,
      code: 1,
    });
  }
});
