import { describe } from 'vitest';

import { requestDriver } from '../request-driver.ts';
import { UWSGI } from '../request-kit.ts';
import { defineSuite } from '../suite/suite.ts';

const driver = requestDriver(UWSGI);

describe(driver.name, () => defineSuite(driver));
