/** The gateways behind a web server, each of which is asked with the variables that such a server sends. */

import type { ForwardingOptions } from '../../src/environ/forwarded/forwarding.ts';
import type { Application } from '../../src/types.ts';
import { POSTERN, RUNNER, application, run, split } from '../cgi/process.ts';
import { converse } from '../fastcgi/differential.ts';
import { serve as serveFastCgi } from '../fastcgi/kit.ts';
import { encodeRequest } from '../fastcgi/peer.ts';
import { PROTOCOLS, serve } from '../one-request/kit.ts';

export type Variables = Readonly<Record<string, string>>;

/** An answer, and what the gateway has logged. */
export interface Reply {
  readonly head: string;
  readonly body: string;
  readonly log: string;
}

type Ask = (variables: Variables, options?: ForwardingOptions) => Promise<Reply>;

/** Answers with the variables of its environ. */
const environOf: Application = (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  const variables = Object.entries(environ).filter(([, value]) => typeof value === 'string');
  return [Buffer.from(JSON.stringify(Object.fromEntries(variables)))];
};

/** Asks over FastCGI, by default an application that answers with its environ. */
export async function askFastCgi(
  params: Variables,
  options: Parameters<typeof serveFastCgi>[1] = {},
  app: Application = environOf,
): Promise<Reply> {
  const gateway = await serveFastCgi(app, options);
  const request = encodeRequest({ params, keep: false });
  const { requests } = await converse(gateway.server, [[request, 1]]);
  const { head, body } = requests[1]!;
  return { head: head.join('\n'), body, log: gateway.log.join('\n') };
}

async function runCgi(args: string[], variables: Variables): Promise<Reply> {
  const { stdout, stderr } = await run(args, { variables });
  const { head, body } = split(stdout);
  return { head, body: body.toString(), log: stderr };
}

export const GATEWAYS: readonly (readonly [name: string, ask: Ask])[] = [
  ['FastCGI', askFastCgi],
  [
    'FastCGI by node-fastcgi',
    (variables, options) => askFastCgi(variables, { ...options, engine: 'node-fastcgi' }),
  ],
  ...PROTOCOLS.map((protocol): readonly [string, Ask] => [
    protocol.name,
    async (variables, options) => {
      const gateway = await serve(protocol, environOf, options);
      const { head, body } = await gateway.request(variables);
      return { head, body: body.toString(), log: gateway.log.join('\n') };
    },
  ]),
  [
    'CGI, by runWithCgi',
    (variables, options = {}) =>
      runCgi([RUNNER], {
        ...variables,
        APPLICATION: 'environ',
        OPTIONS: JSON.stringify(options),
      }),
  ],
  [
    'CGI, by the command',
    (variables, { forwardedAllowIps = [], forwardedHeaders } = {}) =>
      runCgi([POSTERN, application('environ')], {
        ...variables,
        POSTERN_FORWARDED_ALLOW_IPS: [forwardedAllowIps].flat().join(' '),
        ...(forwardedHeaders === 'forwarded' && { POSTERN_FORWARDED_HEADERS: forwardedHeaders }),
      }),
  ],
];

/** The environ that was answered with. */
export function environIn({ body }: Reply): Record<string, unknown> {
  return JSON.parse(body) as Record<string, unknown>;
}
