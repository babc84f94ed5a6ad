/**
 * The page itself, made by youch. It escapes what it puts into text, but not everything that it puts into attributes, keys
 * and hints: so it gets errors that hold nothing but checked text, and should anything get through after all,
 * Content-Security-Policy keeps it from running.
 */

import { createHash, randomBytes } from 'node:crypto';

import type { HeaderList } from '../../../src/types.ts';
import { Causes } from './causes.ts';
import { Describer } from './describe.ts';
import { showErrors } from './errors.ts';
import type { ShownError } from './errors.ts';
import { escapeHtml } from './html.ts';
import { SourceReader } from './source.ts';
import { STYLES } from './styles.ts';
import { Source, createYouch, toPlainError } from './youch.ts';

/** A response that shows an error; its status is the handler's. */
export interface ErrorPage {
  headers: HeaderList;
  body: Uint8Array;
}

/**
 * Renders an error.
 *
 * @throws what the error's own members throw
 */
export async function renderErrorPage(
  environ: Readonly<Record<string, unknown>>,
  error: unknown,
): Promise<ErrorPage> {
  const describer = new Describer();
  const [shown, ...causes] = showErrors(error, describer) as [ShownError, ...ShownError[]];
  const cspNonce = randomBytes(16).toString('base64');
  const source = new SourceReader();
  const youch = createYouch(source);
  youch.templates
    .injectStyles(STYLES)
    .use('errorStackSource', new Source(false))
    .use('errorCause', new Causes(causes, source));
  youch.useTransformer((parsed) => {
    // It would be shown with all that it has; ours is this.
    const { name, message, stack } = shown;
    parsed.raw = { stack: `${name}: ${message}\n${stack}` } as Error;
  });
  if (shown.properties.length > 0) {
    youch.metadata.group('Properties of the error', { Own: shown.properties.map(toRow) });
  }
  youch.metadata.group('Environ', sectionsOf(environ, describer));
  const html = await youch.toHTML(toPlainError(shown), { title: TITLE, cspNonce });
  return { headers: headersFor(cspNonce), body: Buffer.from(html) };
}

const TITLE = '500 Internal Server Error';

// ---- environ

interface Row {
  key: string;
  value: string;
}

function toRow([name, value]: readonly [string, string]): Row {
  return { key: escapeHtml(name), value }; // youch escapes values alone
}

/** Variables of an environ that are shown: with the default limits a request has no more than half as many headers. */
const MAX_VARIABLES = 200;

/** The variables by what they tell of. */
function sectionsOf(
  environ: Readonly<Record<string, unknown>>,
  describer: Describer,
): Record<string, Row[]> {
  const sections: Record<string, Row[]> = { Request: [], Headers: [], Gateway: [], Server: [] };
  const names = Object.keys(environ).slice(0, MAX_VARIABLES).toSorted();
  for (const name of names) {
    const value = environ[name];
    if (value === undefined) continue;
    const row = toRow([describer.name(name), describer.value(name, value)]);
    sections[sectionOf(name)]!.push(row);
  }
  for (const [name, rows] of Object.entries(sections)) if (rows.length === 0) delete sections[name];
  return sections;
}

function sectionOf(name: string): string {
  if (/^(?:HTTP_|CONTENT_(?:TYPE|LENGTH)$)/.test(name)) return 'Headers';
  if (/^(?:GATEWAY|SERVER)_|^HTTPS$/.test(name)) return 'Server';
  return /^[A-Z_]+$/.test(name) ? 'Request' : 'Gateway';
}

// ---- headers

/** Nothing is loaded from anywhere, and no script runs but the page's own. */
function headersFor(nonce: string): HeaderList {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `script-src-attr 'unsafe-hashes' ${COPY_HANDLER}`,
    `style-src 'nonce-${nonce}'`,
    "style-src-attr 'unsafe-inline'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return [
    ['Content-Type', 'text/html; charset=utf-8'],
    ['Cache-Control', 'no-store'],
    ['Content-Security-Policy', policy.join('; ')],
    ['Cross-Origin-Resource-Policy', 'same-origin'],
    ['Referrer-Policy', 'no-referrer'],
    ['X-Content-Type-Options', 'nosniff'],
  ];
}

/** The one handler that youch writes into an attribute, as CSP 3 § 6.7.3.3 allows it. */
const COPY_HANDLER = `'sha256-${createHash('sha256').update('copyErrorMessage(this)').digest('base64')}'`;
