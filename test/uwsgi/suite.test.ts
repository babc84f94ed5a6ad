import { describe } from 'vitest';

import { requestDriver } from '../one-request/driver.ts';
import { UWSGI } from '../one-request/kit.ts';
import { defineSuite } from '../suite/suite.ts';

const driver = requestDriver(UWSGI);

describe(driver.name, () => defineSuite(driver));
