import { describe } from 'vitest';

import { cgiDriver } from './drivers/cgi.ts';
import { defineSuite } from './suite.ts';

describe(cgiDriver.name, () => defineSuite(cgiDriver));
