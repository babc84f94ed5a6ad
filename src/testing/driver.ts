import type { TestRequest } from './request/request.ts';
import type { RawResponse } from './response.ts';

/** What carries the requests of a {@link TestClient} to an application. */
export interface TestDriver {
  /**
   * Sends a request. The promise is fulfilled when the response is complete, or broken, or given up, and is rejected
   * only when the request could not be made at all.
   */
  send(request: TestRequest): Promise<RawResponse>;
}
