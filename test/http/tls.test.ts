import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTcp, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';

import { describe, expect, onTestFinished, test } from 'vitest';

import { runWithHttp } from '../../adapters/http/index.ts';
import type { Environ } from '../../src/types.ts';
import { CERTIFICATE, KEY } from './certificate.ts';
import {
  Client,
  echo,
  hello,
  parse,
  request,
  serve,
  untilUnchanged,
  signal,
  until,
} from './kit.ts';

const tls = { cert: CERTIFICATE, key: KEY };
/** A file with this text, for the time of a test. */
function file(text: string, name = 'file.pem'): string {
  const folder = mkdtempSync(join(tmpdir(), 'postern-http-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const CLOSE = 'Connection: close';

async function connect(port: number): Promise<Client> {
  const socket = connectTls({ port, host: '127.0.0.1', ca: CERTIFICATE });
  await once(socket, 'secureConnect');
  return new Client(socket);
}

/**
 * A port that leads to another, and the types of the records (RFC 5246 § 6.2.1) that came back through each of its
 * connections that has ended.
 */
async function recordTls(target: number): Promise<[port: number, records: number[][]]> {
  const records: number[][] = [];
  const recorder = createServer((socket) => {
    const upstream = connectTcp(target, '127.0.0.1');
    const chunks: Buffer[] = [];
    upstream.on('data', (chunk: Buffer) => chunks.push(chunk));
    upstream.on('end', () => records.push(recordTypes(Buffer.concat(chunks))));
    socket.pipe(upstream).pipe(socket);
  });
  recorder.listen(0, '127.0.0.1');
  await once(recorder, 'listening');
  onTestFinished(() => void recorder.close());
  return [(recorder.address() as AddressInfo).port, records];
}

function recordTypes(bytes: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) types.push(bytes[at]!);
  return types;
}

describe('HTTPS', () => {
  test('is HTTP whose environ says so', async () => {
    let seen: Partial<Environ> = {};
    const gateway = await serve(
      (environ, startResponse) => {
        seen = environ;
        return hello(environ, startResponse);
      },
      { tls },
    );
    const client = (await connect(gateway.port)).send(request());
    expect(await client.until(/hello$/)).toContain('Connection: keep-alive');
    client.send(request('GET / HTTP/1.1', CLOSE));
    expect((await client.rest()).match(/hello/g)).toHaveLength(2);
    expect(seen).toMatchObject({
      HTTPS: 'on',
      'wsgi.url_scheme': 'https',
      REMOTE_ADDR: '127.0.0.1',
      SERVER_PORT: String(gateway.port),
    });
  });

  test('behind a trusted proxy that has taken plain HTTP is http', async () => {
    let scheme: unknown;
    const gateway = await serve(
      (environ, startResponse) => {
        scheme = environ['wsgi.url_scheme'];
        return hello(environ, startResponse);
      },
      { tls, forwardedAllowIps: ['*'] },
    );
    const client = await connect(gateway.port);
    await client.send(request('GET / HTTP/1.1', CLOSE, 'X-Forwarded-Proto: http')).rest();
    expect(scheme).toBe('http');
  });

  test('carries uploads', async () => {
    const gateway = await serve(echo, { tls });
    const client = await connect(gateway.port);
    const bytes = Buffer.alloc(1024 * 1024, 'abc');
    client.send(request('POST / HTTP/1.1', CLOSE, `Content-Length: ${bytes.length}`)).send(bytes);
    expect(parse(await client.rest()).body).toBe(bytes.toString());
  });

  test('takes certificate and key from files', async () => {
    const [certFile, keyFile] = [file(CERTIFICATE), file(KEY)];
    const gateway = await serve(hello, { tls: { certFile, keyFile } });
    const client = await connect(gateway.port);
    expect(await client.send(request('GET / HTTP/1.1', CLOSE)).rest()).toMatch(/hello$/);
  });

  test('takes both from one file', async () => {
    const certFile = file(CERTIFICATE + KEY);
    const gateway = await serve(hello, { tls: { certFile } });
    const client = await connect(gateway.port);
    expect(await client.send(request('GET / HTTP/1.1', CLOSE)).rest()).toMatch(/hello$/);
  });

  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const locked = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
  const pem = { type: 'pkcs8', format: 'pem' } as const;
  test.each([
    ['a file that is not there', '/nowhere/cert.pem', KEY, /^cannot read \/nowhere\/cert\.pem: /],
    ['a certificate that is none', 'x', KEY, /cert\.pem holds no certificate in PEM format$/],
    ['a key that is none', CERTIFICATE, 'x', /key\.pem holds no private key in PEM format$/],
    ['a key that is locked', CERTIFICATE, other.export(locked), /key\.pem holds a key that is enc/],
    [
      'a key that does not fit',
      CERTIFICATE,
      other.export(pem),
      /^the key in .*key\.pem does not belong to the certificate in .*cert\.pem$/,
    ],
  ])('%s is said in a line', async (_what, cert, key, message) => {
    const certFile = cert.startsWith('/') ? cert : file(cert, 'cert.pem');
    const start = runWithHttp(hello, {
      listen: '127.0.0.1:0',
      tls: { certFile, keyFile: file(key as string, 'key.pem') },
    });
    await expect(start).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringMatching(message) as string,
    });
  });

  test.each([
    ['a certificate that is none', { cert: 'x', key: KEY }],
    ['a key that is none', { cert: CERTIFICATE, key: 'x' }],
  ])('%s, given as text, is said in a line', async (_what, tls) => {
    await expect(runWithHttp(hello, { listen: '127.0.0.1:0', tls })).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining('certificate') as string,
    });
  });

  test('plain HTTP on its port is explained in the log', async () => {
    const gateway = await serve(hello, { tls });
    await gateway.talk(request());
    expect(gateway.log).toEqual([expect.stringMatching(/plain HTTP on an HTTPS port/)]);
    const client = await connect(gateway.port);
    expect(await client.send(request('GET / HTTP/1.1', CLOSE)).rest()).toMatch(/hello$/);
  });

  test('a hello that does not come is not waited for', async () => {
    const gateway = await serve(hello, { tls, headersTimeout: 50 });
    const client = await gateway.connect();
    await client.rest();
    expect(client.text).toBe('');
  });

  test('a stop closes what is idle, and what is in its handshake', async () => {
    const gateway = await serve(hello, { tls });
    const kept = (await connect(gateway.port)).send(request());
    await kept.until(/hello$/);
    const fresh = await connect(gateway.port);
    const silent = await gateway.connect();
    await gateway.server.close({ timeout: 200 });
    await Promise.all([kept.rest(), fresh.rest(), silent.rest()]);
  });

  test('a response that would end with the connection is broken without a closure alert', async () => {
    let go: ReturnType<typeof signal>;
    const gateway = await serve(
      async function* (environ, startResponse) {
        startResponse('200 OK', []);
        yield Buffer.from('first');
        await go.promise;
        if (environ.PATH_INFO === '/break') throw new Error('midway');
      },
      { tls: { ...tls, maxVersion: 'TLSv1.2' } }, // in which an alert can be told from data
    );
    const [port, records] = await recordTls(gateway.port);
    for (const path of ['/whole', '/break']) {
      const client = await connect(port);
      go = signal();
      client.send(`GET ${path} HTTP/1.0\r\n\r\n`);
      await client.until(/first$/);
      go.fire();
      await client.rest();
    }
    const [ALERT, DATA] = [21, 23];
    await until(() => records.length === 2);
    expect(records.map((types) => types.at(-1))).toEqual([ALERT, DATA]);
  });

  test('a response that the client does not read stays with the application', async () => {
    let made = 0;
    const gateway = await serve(
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return (function* () {
          for (const chunk = Buffer.alloc(65536); made < 2e8; made += chunk.length) yield chunk;
        })();
      },
      { tls },
    );
    const client = await connect(gateway.port);
    client.socket.pause();
    client.send(request());
    expect(await untilUnchanged(() => made)).toBeLessThan(1e8);
    client.leave();
  });
});
