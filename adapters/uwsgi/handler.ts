import { RequestHandler } from '../../src/one-request/handler.ts';

/** Serves one uwsgi request. */
export class UwsgiHandler extends RequestHandler {
  override readonly gateway = 'uwsgi';

  /** A status line of HTTP, not `Status:` as in CGI: mod_proxy_uwsgi accepts nothing else. */
  protected override formatStatus(status: string): string {
    return `HTTP/1.1 ${status}`;
  }
}
