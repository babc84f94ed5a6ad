/** HTTP without a web server before it: a plain socket, and a connection for each request. */

import { openHttp } from '../http-client.ts';
import type { Driver } from '../types.ts';
import { startGateway } from './gateway.ts';

export const httpDriver: Driver = {
  name: 'HTTP, bare',
  gateway: 'http',
  cannot: {
    excessUpload: 'what follows a request on its connection is the next request',
  },
  async start(application) {
    const gateway = await startGateway('http', application);
    return {
      open: (request) => openHttp(gateway.port, request),
      logs: () => [gateway.log()],
      stop: () => gateway.stop(),
    };
  },
};
