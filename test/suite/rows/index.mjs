/** All rows of the suite. */

import { rows as body } from './body.mjs';
import { rows as environ } from './environ.mjs';
import { rows as errors } from './errors.mjs';
import { rows as headers } from './headers.mjs';
import { rows as input } from './input.mjs';
import { rows as middleware } from './middleware.mjs';
import { rows as shapes } from './shapes.mjs';
import { rows as startResponse } from './start-response.mjs';

/** @import { Row } from '../types.ts' */

/** @type {Row[]} */
export const rows = [
  ...shapes,
  ...startResponse,
  ...headers,
  ...body,
  ...errors,
  ...input,
  ...environ,
  ...middleware,
].toSorted((a, b) => a.rule - b.rule);
