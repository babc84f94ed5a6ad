import type { TestRequest } from './request.ts';
import type { RawResponse } from './response.ts';

/** Whatever carries a request to an application: the client is the same before all of them. */
export interface TestDriver {
  /** Rejects only when the request could not be made at all. */
  send(request: TestRequest): Promise<RawResponse>;
}
