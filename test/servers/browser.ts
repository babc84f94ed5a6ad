/** Debian's Chromium, in which pages are looked at as a person does. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

import { findExecutable } from './launch.ts';

/**
 * Starts it, without a window and without anything that it does on its own account.
 *
 * @param args more of its arguments
 */
export function launchBrowser(...args: string[]): Promise<Browser> {
  return chromium.launch({
    executablePath: findExecutable('chromium')!,
    args: [
      '--no-sandbox', // which containers do not let it have
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...args,
    ],
  });
}

/** A page, and what has happened behind it. */
export interface Visit {
  readonly page: Page;
  /** Addresses that were asked for something. */
  readonly requests: string[];
  /** What the console says, but for the status of the page, which Chromium tells of there. */
  readonly complaints: string[];
}

/** Opens a page in a profile of its own. */
export async function visit(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => void requests.push(request.url()));
  page.on('pageerror', (error) => void complaints.push(String(error)));
  page.on('console', (message) => {
    if (!/^Failed to load resource: .* status of 500/.test(message.text())) {
      complaints.push(`${message.type()}: ${message.text()}`);
    }
  });
  await page.goto(url);
  return { page, requests, complaints };
}

/** Keeps a picture of the whole page, to be looked at: in the folder that SCREENSHOTS names, if it does. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS'];
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

/**
 * Texts that are hard to read: visible, and with less contrast than WCAG 2.2 § 1.4.3 asks for.
 *
 * @returns each with its contrast: `2.9 some text`
 */
export function faintTexts(page: Page): Promise<string[]> {
  return page.evaluate(FAINT_TEXTS);
}

// Source, because the types of this project know of no document.
const FAINT_TEXTS = `(() => {
  const parse = (color) => {
    const [r, g, b, a = 1] = color.match(/[\\d.]+/g).map(Number);
    if (!/^rgba?\\(/.test(color)) throw new Error('a colour that is not understood: ' + color);
    return [r, g, b, a];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((value, i) => value * a + below[i] * (1 - a));
  const background = (element) => {
    if (element === null) return [255, 255, 255];
    const color = parse(getComputedStyle(element).backgroundColor);
    return color[3] === 1 ? color.slice(0, 3) : over(color, background(element.parentElement));
  };
  const luminance = (color) => {
    const [r, g, b] = color.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (element, style) => {
    const below = background(element);
    const color = parse(style.color);
    color[3] *= style.opacity;
    const [dark, light] = [luminance(over(color, below)), luminance(below)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const faint = [];
  const look = (element, style, text) => {
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = contrast(element, style);
    if (ratio < (isLarge ? 3 : 4.5)) faint.push(ratio.toFixed(1) + ' ' + text.trim().slice(0, 40));
  };
  for (const element of document.body.querySelectorAll('*')) {
    if (!element.checkVisibility() || element.closest('script, style') !== null) continue;
    const texts = [...element.childNodes].filter((node) => node.nodeType === 3 && node.data.trim() !== '');
    for (const { data } of texts) look(element, getComputedStyle(element), data);
    const before = getComputedStyle(element, '::before');
    if (/counter/.test(before.content)) look(element, before, 'number of a line');
  }
  return faint;
})()`;
