/** The certificate of HTTPS and its key: read from their files, and looked at before OpenSSL speaks of them. */

import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { TlsOptions as NodeTlsOptions } from 'node:tls';

import { UsageError } from '../../src/errors.ts';
import type { TlsOptions } from './options.ts';

/**
 * What node:tls takes, with the files read.
 *
 * @throws {UsageError} for a file that cannot be read or does not hold what it should, and for a key that is
 *   another certificate's; in words that name the file
 */
export function readTlsOptions({ certFile, keyFile, ...tls }: TlsOptions): NodeTlsOptions {
  if (certFile === undefined && keyFile === undefined) return tls;
  if (certFile !== undefined) tls.cert = readPem(certFile);
  // Both may be in one file, as HAProxy wants them.
  const keyPath = keyFile ?? (tls.key === undefined ? certFile : undefined);
  if (keyPath !== undefined) tls.key = readPem(keyPath);
  const certificate = certFile === undefined ? undefined : parseCertificate(tls.cert, certFile);
  const key = keyPath === undefined ? undefined : parseKey(tls, keyPath);
  if (certificate !== undefined && key !== undefined && !certificate.checkPrivateKey(key)) {
    throw new UsageError(`the key in ${keyPath} is not that of the certificate in ${certFile}`);
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
    // OpenSSL has a code for it that differs between its versions.
    const what = String(key).includes('ENCRYPTED')
      ? 'a key that is encrypted: openssl pkey -in FILE -out FILE takes the passphrase off'
      : 'no private key in PEM format';
    throw new UsageError(`${path} holds ${what}`, { cause: error });
  }
}
