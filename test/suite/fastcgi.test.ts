import { describe } from 'vitest';

import { fastCgiDriver, keptFastCgiDriver } from './drivers/fastcgi.ts';
import { defineSuite } from './suite.ts';

for (const driver of [fastCgiDriver, keptFastCgiDriver]) {
  describe(driver.name, () => defineSuite(driver));
}
