/** The npm package node-fastcgi. Argument: the unix socket to listen on. */

// @ts-ignore: the package has no types
import fcgi from 'node-fastcgi';

import { listener } from './listener.mjs';

fcgi.createServer(listener).listen({ path: process.argv[2], writableAll: true });
