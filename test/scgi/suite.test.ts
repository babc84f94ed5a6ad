import { describe } from 'vitest';

import { requestDriver } from '../request-driver.ts';
import { SCGI } from '../request-kit.ts';
import { defineSuite } from '../suite/suite.ts';

const driver = requestDriver(SCGI);

describe(driver.name, () => defineSuite(driver));
