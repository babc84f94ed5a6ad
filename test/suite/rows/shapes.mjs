/**
 * The shapes of an application (src/README.md, before its rules).
 *
 * @import { Row } from '../types.ts'
 */

import assert from 'node:assert/strict';

/** @type {[alone: string, kind: string][]} */
const SHAPES = [
  ['ClassApplication', 'a class'],
  ['objectApplication', 'an object'],
  ['asyncApplication', 'an async function'],
  ['generatorApplication', 'an async generator function'],
];

/** @satisfies {Row[]} */
export const rows = SHAPES.map(([alone, kind]) => ({
  rule: 0,
  name: `${kind} is an application`,
  application: { alone },
  async check(visit) {
    const response = await visit.response();
    assert.equal(response.status, 200);
    assert.equal(response.text, `${kind}, GET`);
    assert.equal(response.complete, true);
  },
}));
