import { describeWithServer } from '../servers/availability.ts';
import { haproxyFastCgi } from './drivers/front-ends.ts';
import { defineSuite } from './suite.ts';

describeWithServer('haproxy', haproxyFastCgi.name, () => defineSuite(haproxyFastCgi));
