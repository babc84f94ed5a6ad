import { describeWithServer } from '../servers/availability.ts';
import { apacheCgi } from './drivers/front-ends.ts';
import { defineSuite } from './suite.ts';

describeWithServer('apache/cgi.conf', apacheCgi.name, () => defineSuite(apacheCgi));
