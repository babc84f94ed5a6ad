/** One request of HTTP, with its headers as they are written and the response as bytes. */
import { request } from 'node:http';

export type HeaderPairs = readonly (readonly [name: string, value: string])[];

export interface Answer {
  readonly status: number;
  /** A byte string. */
  readonly body: string;
  /** The port that the request came from. */
  readonly localPort: number;
}

/** Asks a server on 127.0.0.1 for `localhost:PORT`, on a connection that ends with the response. */
export function ask(
  port: number,
  method: string,
  path: string,
  headers: HeaderPairs = [],
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        // In a flat list, names may be repeated.
        headers: ['Host', `localhost:${port}`, 'Connection', 'close', ...headers.flat()] as never,
        agent: false,
      },
      (response) => {
        const { localPort } = response.socket;
        let text = '';
        response.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode!, body: text, localPort: localPort! }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
