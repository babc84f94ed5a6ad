/** A request over HTTPS to the certificate of the tests. */

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';

import { CERTIFICATE } from '../http/certificate.ts';

/** @returns the body of the response */
export async function askTls(port: number, path: string): Promise<string> {
  const sent = request({ host: '127.0.0.1', port, path, ca: CERTIFICATE, agent: false }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return (await response.toArray()).join('');
}
