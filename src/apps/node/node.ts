/** Node listeners, `(req, res) => void`, as applications: Express, Koa, Fastify and their kin. */

import type { RequestListener } from 'node:http';

import type { ApplicationFunction } from '../../types.ts';
import { markListener } from './native.ts';
import { NodeExchange } from './exchange.ts';

/**
 * Makes an application of a Node listener.
 *
 * The listener gets Node's own `IncomingMessage` and `ServerResponse`. Under a mount, `req.url` is
 * what lies below it, `req.baseUrl` the mount and `req.originalUrl` the whole, as in a mounted Express
 * application. What has no place in a response through a web server is left out: headers of the
 * connection (`Connection`, `Keep-Alive`, `Transfer-Encoding`), trailers, and `writeEarlyHints`,
 * `writeContinue`, `writeProcessing`. `req.socket` has the members and events of a `net.Socket`, but is none: each
 * request has one of its own, which ends after it. The HTTP gateway calls the listener with its own objects, where
 * nothing is left out.
 *
 * What the listener throws, or rejects with, is an error of the application: 500 before the headers have
 * left, a broken response after. `res.destroy()` before the headers is answered with 500, too.
 *
 * A listener may read its request after the response. The end of the response waits for it, because a request through a web
 * server ends with its response. It waits no longer when nothing of the upload has come for half a second, or when the
 * listener has read nothing for five; for an upload of unknown length it waits half a second in all. Then the request is
 * aborted. Under node:http, and so over the HTTP gateway, the response ends at once.
 */
export function fromNode(listener: RequestListener): ApplicationFunction {
  return makeApplication(listener, false);
}

/**
 * {@link fromNode} for the command, where no middleware is around the application: a body of text is not encoded, because
 * the gateway takes text.
 */
export function fromNodeForCommand(listener: RequestListener): ApplicationFunction {
  return makeApplication(listener, true);
}

function makeApplication(listener: RequestListener, keepsText: boolean): ApplicationFunction {
  const application: ApplicationFunction = (environ, startResponse) =>
    new NodeExchange(environ, startResponse, keepsText).run(listener);
  return markListener(application, listener);
}
