/** `postern/testing`: a client for tests of applications and gateways. */

export { TestClient, testClient } from './testing/client.ts';
export type { TestClientOptions, TestDriver, TestTarget } from './testing/client.ts';
export { CookieJar } from './testing/cookies.ts';
export type { DirectOptions } from './testing/handler.ts';
export type { Listening } from './testing/http.ts';
export type { RequestOptions, TestRequest } from './testing/request.ts';
export { TestResponse } from './testing/response.ts';
export type { Outcome, RawResponse } from './testing/response.ts';
