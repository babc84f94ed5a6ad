/**
 * The page itself, made by youch. Youch escapes text, but not all attributes, keys and hints. So it gets only errors whose
 * texts have been checked. If something gets through all the same, Content-Security-Policy keeps it from running.
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
 * @throws what getters of the error throw
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
    // Youch would show all members of the error itself.
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

/** Variables that are shown of an environ. With the default limits a request has at most 100 headers. */
const MAX_VARIABLES = 200;

/** The variables, by subject. */
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

/** The page loads nothing, and runs only its own scripts. */
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

/** Allows the only handler that youch writes into an attribute (CSP 3 § 6.7.3.3). */
const COPY_HANDLER = `'sha256-${createHash('sha256').update('copyErrorMessage(this)').digest('base64')}'`;
