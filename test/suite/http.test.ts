import { describe } from 'vitest';

import { httpDriver } from './drivers/http.ts';
import { defineSuite } from './suite.ts';

describe(httpDriver.name, () => defineSuite(httpDriver));
