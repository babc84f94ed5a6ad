import { RequestHandler } from '../../src/one-request/handler.ts';

/** Serves one SCGI request. The response is as in CGI. */
export class ScgiHandler extends RequestHandler {
  override readonly gateway = 'scgi';
}
