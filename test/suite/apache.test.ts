import { describeWithServer } from '../servers/availability.ts';
import { apacheFastCgi } from './drivers/front-ends.ts';
import { defineSuite } from './suite.ts';

describeWithServer('apache/proxy_fcgi.conf', apacheFastCgi.name, () => defineSuite(apacheFastCgi));
