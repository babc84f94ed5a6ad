/**
 * A client for tests of applications and gateways.
 *
 * @module postern/testing
 */

export { TestClient, testClient } from './client.ts';
export type { BodilessOptions, BodyOptions, TestClientOptions, TestTarget } from './client.ts';
export { CookieJar } from './cookies.ts';
export type { TestDriver } from './driver.ts';
export type { DirectOptions } from './handler.ts';
export type { Listening } from './http.ts';
export type { RequestOptions, TestRequest } from './request/request.ts';
export type { BodyParts } from './request/body.ts';
export type { HeaderText, HeaderValue, RequestHeaders } from './request/headers.ts';
export { TestResponse } from './response.ts';
export type { Outcome, RawResponse } from './response.ts';
