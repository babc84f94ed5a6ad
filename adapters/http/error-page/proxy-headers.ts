/** Headers that no browser sends, but that proxies, tunnels and delivery networks add to a request. */

/**
 * Whether a header was added by a proxy.
 *
 * @param name in lower case, with `-` in place of `_`: some servers do not tell them apart
 */
export function isProxyHeader(name: string): boolean {
  return NAMES.has(name) || PREFIXES.some((prefix) => name.startsWith(prefix));
}

const NAMES: ReadonlySet<string> = new Set([
  // RFC 7239, RFC 9110 § 7.6.2 and § 7.6.3, RFC 8586; and what browsers send to proxies only.
  'forwarded',
  'via',
  'cdn-loop',
  'max-forwards',
  'proxy-connection',
  'surrogate-capability',
  // The client's address.
  'ali-cdn-real-ip',
  'client-ip',
  'do-connecting-ip',
  'incap-client-ip',
  'proxy-client-ip',
  'true-client-ip',
  'x-cluster-client-ip',
  'x-source-ip',
  'x-true-client-ip',
  // Scheme, host and path of the client's request: ingress-nginx, ISA Server, lighttpd, IIS, Traefik, Home Assistant.
  'front-end-https',
  'x-host',
  'x-ingress-path',
  'x-replaced-path',
  'x-rewrite-url',
  'x-scheme',
  'x-script-name',
  'x-url-scheme',
  'x-via',
  // Times and numbers of requests: HAProxy, nginx, Envoy, Heroku, Google; W3C Trace Context.
  'connect-time',
  'total-route-time',
  'traceparent',
  'x-cloud-trace-context',
  'x-correlation-id',
  'x-queue-start',
  'x-request-id',
  'x-request-start',
  // Azure App Service.
  'disguised-host',
  'was-default-hostname',
  'x-site-deployment-id',
]);

const PREFIXES: readonly string[] = [
  'forwarded-',
  'x-forward-',
  'x-forwarded',
  'x-original-',
  'x-client-',
  'x-proxy-',
  'x-proxied-',
  'x-proxyuser-',
  'x-real-',
  'wl-proxy-', // WebLogic

  // Delivery networks and clouds.
  'akamai-',
  'cdn-',
  'cf-', // Cloudflare and cloudflared
  'cloudfront-',
  'fastly-',
  'fly-',
  'rndr-', // Render
  'x-akamai-',
  'x-amz-',
  'x-amzn-',
  'x-appengine-',
  'x-arr-', // Azure and IIS
  'x-azure-',
  'x-cdn-',
  'x-edge-',
  'x-fd-', // Azure Front Door
  'x-goog-',
  'x-heroku-',
  'x-ms-',
  'x-nf-', // Netlify
  'x-now-',
  'x-railway-',
  'x-sucuri-',
  'x-vercel-',
  'x-waws-', // Azure

  // Tunnels.
  'ngrok-',
  'tailscale-',
  'x-github-', // Codespaces
  'x-tailscale-',
  'x-tunnel-',

  // Proxies, and the user who has logged in to them.
  'remote-', // Authelia
  'ssl-client-',
  'x-auth-request-', // oauth2-proxy
  'x-authentik-',
  'x-b3-',
  'x-consumer-', // Kong
  'x-envoy-',
  'x-haproxy-',
  'x-istio-',
  'x-kong-',
  'x-nginx-',
  'x-remote-',
  'x-ssl-',
  'x-traefik-',
  'x-varnish',
  'x-webauth-',
];
