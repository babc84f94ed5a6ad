/** Takes the conformance suite through SCGI and uwsgi without a web server: the tests' own clients speak them. */

import type { Protocol } from './kit.ts';
import { FrontEnd } from './client.ts';
import { startGateway } from '../suite/drivers/gateway.ts';
import type { Driver } from '../suite/types.ts';
import { bodyOf, cgiPairs, cgiVariables } from '../suite/variables.ts';

export function requestDriver({ name, encode, style }: Protocol): Driver {
  return {
    name: `${name}, bare`,
    gateway: name,
    cannot: {},
    async start(application) {
      const gateway = await startGateway(name, application);
      return {
        async open(request) {
          const frontEnd = await FrontEnd.connect(gateway.port);
          const variables = cgiVariables(request);
          const body = bodyOf(request);
          frontEnd.send(encode(cgiPairs(request)));
          frontEnd.send(Buffer.concat([body, Buffer.from(request.excess ?? '')]));
          const isShort = body.length < Number(variables['CONTENT_LENGTH'] ?? 0);
          if (isShort && request.unfinished !== true) frontEnd.socket.end();
          return {
            output: frontEnd.output,
            style,
            clean: frontEnd.ending.then((ending) => ending === 'closed'),
            leave: () => frontEnd.leave(),
          };
        },
        logs: () => [gateway.log()],
        stop: () => gateway.stop(),
      };
    },
  };
}
