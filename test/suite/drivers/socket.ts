/** SCGI and uwsgi without a web server: a connection for each request. */

import { encodeRequest as encodeScgi } from '../../scgi/client.ts';
import { encodeRequest as encodeUwsgi } from '../../uwsgi/client.ts';
import { openSocket } from '../socket-client.ts';
import type { Driver, Wire } from '../types.ts';
import { cgiPairs } from '../variables.ts';
import { startGateway } from './gateway.ts';

export const scgiDriver = driver('scgi', {}, 'cgi', encodeScgi);
export const uwsgiDriver = driver('uwsgi', {}, 'http', encodeUwsgi);

function driver(
  gateway: 'scgi' | 'uwsgi',
  cannot: Driver['cannot'],
  style: Wire['style'],
  encode: (variables: Iterable<readonly [name: string, value: string]>) => Buffer,
): Driver {
  return {
    name: `${gateway === 'scgi' ? 'SCGI' : gateway}, bare`,
    gateway,
    cannot,
    async start(application) {
      const process = await startGateway(gateway, application);
      return {
        open: (request) =>
          openSocket(process.port, style, encode(cgiPairs(request)), false, request),
        logs: () => [process.log()],
        stop: () => process.stop(),
      };
    },
  };
}
