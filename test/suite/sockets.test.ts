import { describe } from 'vitest';

import { scgiDriver, uwsgiDriver } from './drivers/socket.ts';
import { defineSuite } from './suite.ts';

for (const driver of [scgiDriver, uwsgiDriver]) {
  describe(driver.name, () => defineSuite(driver));
}
