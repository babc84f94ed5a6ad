import { RequestHandler } from '../../src/one-request/handler.ts';

/** Serves one uwsgi request. */
export class UwsgiHandler extends RequestHandler {
  override readonly gateway = 'uwsgi';

  /** As in HTTP, and unlike CGI: mod_proxy_uwsgi takes nothing else. */
  protected override formatStatus(status: string): string {
    return `HTTP/1.1 ${status}`;
  }
}
