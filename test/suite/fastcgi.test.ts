import { describe } from 'vitest';

import { fastCgiDriver, keptFastCgiDriver, nodeFastCgiDriver } from './drivers/fastcgi.ts';
import { defineSuite } from './suite.ts';

for (const driver of [fastCgiDriver, keptFastCgiDriver, nodeFastCgiDriver]) {
  describe(driver.name, () => defineSuite(driver));
}
