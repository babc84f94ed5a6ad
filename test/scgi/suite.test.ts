import { describe } from 'vitest';

import { requestDriver } from '../one-request/driver.ts';
import { SCGI } from '../one-request/kit.ts';
import { defineSuite } from '../suite/suite.ts';

const driver = requestDriver(SCGI);

describe(driver.name, () => defineSuite(driver));
