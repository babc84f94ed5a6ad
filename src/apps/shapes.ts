/** The shapes of applications by their names. */

/**
 * Shapes of an application, as in `--interface`: `wsgi` is the contract of this package, `fetch` a fetch handler, `node` a
 * listener `(req, res)` or the application of a framework for node:http.
 */
export const INTERFACES = ['auto', 'wsgi', 'fetch', 'node'] as const;
export type Interface = (typeof INTERFACES)[number];
