/**
 * The same applications with the validator around each: what the gateway gives them is checked, and
 * so is that they keep to the contract themselves.
 *
 * @import { ApplicationFunction } from '../../src/types.ts'
 */

import { validator } from 'postern';

import { rows } from './rows/index.mjs';

/** @type {Map<string, ApplicationFunction>} */
const applications = new Map();
for (const { name, application, breaks } of rows) {
  if (typeof application === 'function' && breaks === undefined) {
    applications.set(name, validator(application));
  }
}

/** @type {ApplicationFunction} */
export default function application(environ, startResponse) {
  const row = applications.get(String(environ['HTTP_X_SUITE_ROW']));
  if (row !== undefined) return row(environ, startResponse);
  startResponse('404 Not Found', [['Content-Type', 'text/plain']]);
  return [Buffer.from('no such row')];
}
