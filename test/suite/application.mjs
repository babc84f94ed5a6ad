/**
 * The application of the suite: that of the row which a request names. Every gateway serves it as it
 * would any other.
 *
 * @import { ApplicationFunction } from '../../src/types.ts'
 */

import { rows } from './rows/index.mjs';

/** @type {Map<string, ApplicationFunction>} */
const applications = new Map();
for (const { name, application } of rows) {
  if (typeof application === 'function') applications.set(name, application);
}

/** @type {ApplicationFunction} */
export default function application(environ, startResponse) {
  const row = applications.get(String(environ['HTTP_X_SUITE_ROW']));
  if (row !== undefined) return row(environ, startResponse);
  startResponse('404 Not Found', [['Content-Type', 'text/plain']]);
  return [Buffer.from('no such row')];
}
