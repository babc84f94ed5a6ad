import { describe } from 'vitest';

import { streamDriver } from './drivers/stream.ts';
import { defineSuite } from './suite.ts';

describe(streamDriver.name, () => defineSuite(streamDriver));
