/** FastCGI without a web server: the tests' own client speaks the protocol. */

import { FastCgiConnection } from '../fastcgi-client.ts';
import type { Driver } from '../types.ts';
import { startGateway } from './gateway.ts';

/** A connection for each request, which the application closes. */
export const fastCgiDriver = driver('FastCGI, bare', false);

/** All requests on one connection; a client that leaves is told of by ABORT_REQUEST. */
export const keptFastCgiDriver = driver('FastCGI, bare, on a kept connection', true);

/** The second engine. It closes each connection after its request, whatever was asked for. */
export const nodeFastCgiDriver = driver(
  'FastCGI, bare, by node-fastcgi',
  false,
  {
    anyBytes: 'the package takes all variables for UTF-8',
    repeats: 'of a name that comes twice the package tells the last value',
    bothValues: 'of a name that comes twice the package tells the last value',
  },
  '--fastcgi-engine',
  'node-fastcgi',
);

function driver(
  name: string,
  keep: boolean,
  cannot: Driver['cannot'] = {},
  ...options: string[]
): Driver {
  return {
    name,
    gateway: 'fastcgi',
    cannot,
    async start(application) {
      const gateway = await startGateway('fastcgi', application, ...options);
      let errors = '';
      const connections = new Set<FastCgiConnection>();
      let kept: FastCgiConnection | undefined;
      const onStderr = (text: string) => (errors += text);
      const open = async (): Promise<FastCgiConnection> => {
        const connection = await FastCgiConnection.open(gateway.port, keep, onStderr);
        connections.add(connection);
        return connection;
      };
      return {
        async open(request) {
          if (!keep) return (await open()).request(request);
          // A response that broke has taken the connection with it.
          if (kept === undefined || kept.closed) kept = await open();
          return kept.request(request);
        },
        logs: () => [errors, gateway.log()],
        async stop() {
          for (const connection of connections) connection.close();
          await gateway.stop();
        },
      };
    },
  };
}
