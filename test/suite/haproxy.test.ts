import { describeWithServer } from '../servers/availability.ts';
import { haproxyFastCgi, haproxyMultiplexed } from './drivers/front-ends.ts';
import { defineSuite } from './suite.ts';

for (const driver of [haproxyFastCgi, haproxyMultiplexed]) {
  describeWithServer('haproxy', driver.name, () => defineSuite(driver));
}
