import { describe } from 'vitest';

import { fastCgiDriver } from './drivers/fastcgi.ts';
import { httpDriver } from './drivers/http.ts';
import { scgiDriver, uwsgiDriver } from './drivers/socket.ts';
import { streamDriver } from './drivers/stream.ts';
import { defineSuite } from './suite.ts';

for (const driver of [streamDriver, fastCgiDriver, scgiDriver, uwsgiDriver, httpDriver]) {
  describe(`${driver.name}, validated`, () => defineSuite(driver, true));
}
