/** The certificate of HTTPS and its key: read from their files, and checked, because OpenSSL's errors name no file. */

import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { TlsOptions as NodeTlsOptions } from 'node:tls';

import { UsageError } from '../../src/errors.ts';
import type { TlsOptions } from './options.ts';

/**
 * Reads the files, and returns the options for node:tls.
 *
 * @throws {UsageError} for a file that cannot be read or holds something else, and for a key that does not belong to the
 *   certificate. The message names the file.
 */
export function readTlsOptions({ certFile, keyFile, ...tls }: TlsOptions): NodeTlsOptions {
  if (certFile === undefined && keyFile === undefined) return tls;
  if (certFile !== undefined) tls.cert = readPem(certFile);
  // One file may hold both, as for HAProxy.
  const keyPath = keyFile ?? (tls.key === undefined ? certFile : undefined);
  if (keyPath !== undefined) tls.key = readPem(keyPath);
  const certificate = certFile === undefined ? undefined : parseCertificate(tls.cert, certFile);
  const key = keyPath === undefined ? undefined : parseKey(tls, keyPath);
  if (certificate !== undefined && key !== undefined && !certificate.checkPrivateKey(key)) {
    throw new UsageError(`the key in ${keyPath} does not belong to the certificate in ${certFile}`);
  }
  return tls;
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : message;
    throw new UsageError(`cannot read ${path}: ${why}`, { cause: error });
  }
}

function parseCertificate(pem: NodeTlsOptions['cert'], path: string): X509Certificate {
  try {
    return new X509Certificate(pem as Buffer);
  } catch (error) {
    throw new UsageError(`${path} holds no certificate in PEM format`, { cause: error });
  }
}

function parseKey({ key, passphrase }: NodeTlsOptions, path: string): KeyObject {
  try {
    return createPrivateKey({ key: key as Buffer, passphrase });
  } catch (error) {
    // OpenSSL's error code for a missing passphrase differs between its versions.
    const what = String(key).includes('ENCRYPTED')
      ? 'a key that is encrypted: openssl pkey -in FILE -out FILE takes the passphrase off'
      : 'no private key in PEM format';
    throw new UsageError(`${path} holds ${what}`, { cause: error });
  }
}
