import { describeWithServer } from '../servers/availability.ts';
import { nginxFastCgi, nginxHttp, nginxScgi, nginxUwsgi } from './drivers/front-ends.ts';
import { defineSuite } from './suite.ts';

for (const driver of [nginxFastCgi, nginxScgi, nginxUwsgi, nginxHttp]) {
  describeWithServer('nginx', driver.name, () => defineSuite(driver));
}
