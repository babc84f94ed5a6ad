/**
 * A rule of the linter: each regular expression takes a time that is linear in the length of the text. What is sent by a
 * peer, or stands in an error, would otherwise stop the event loop (CWE-1333).
 *
 * recheck finds out, in its pure JavaScript build, which needs no Java and no binary. That takes seconds for all
 * expressions together, so verdicts are kept below node_modules.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

/** @type {Pick<typeof import('recheck'), 'checkSync'>} */
const { checkSync } = require('recheck/lib/browser.js');

/** @type {{ version: string }} */
const { version } = require('recheck/package.json');

const FOLDER = new URL('../../node_modules/.cache/postern/', import.meta.url);
const FILE = new URL(`regular-expressions-${version}.json`, FOLDER);

/** @type {Record<string, string>} by expression; `''` for one that is linear */
const verdicts = readVerdicts();

function readVerdicts() {
  try {
    return JSON.parse(readFileSync(FILE, 'utf8'));
  } catch {
    return {}; // none yet
  }
}

/**
 * @param {string} pattern
 * @param {string} flags
 * @returns {string} what is wrong with it; `''` when nothing is
 */
function verdictOn(pattern, flags) {
  // Without a quantifier that has no upper bound, the text that is looked at has one.
  if (!/[*+]|,\}/.test(pattern)) return '';
  return (verdicts[`/${pattern}/${flags}`] ??= check(pattern, flags));
}

/**
 * @param {string} pattern
 * @param {string} flags
 */
function check(pattern, flags) {
  const result = checkSync(pattern, flags, { timeout: 30_000, randomSeed: 1 });
  if (result.status === 'safe') return '';
  if (result.status === 'unknown') {
    return `nobody can tell how long it takes (${result.error.kind}): write it in a simpler way`;
  }
  const { summary } = result.complexity;
  return `it takes more than linear time (${summary}) for a text such as ${result.attack.pattern}`;
}

/** @typedef {{ regex?: { pattern: string, flags: string } }} LiteralNode */
/** @typedef {{ callee: { type: string, name?: string } }} CallNode */
/** @typedef {{ report(problem: { node: unknown, message: string }): void }} Context */

const linearTime = {
  /** @param {Context} context */
  create(context) {
    const known = Object.keys(verdicts).length;
    /** @param {CallNode} node */
    const onCall = (node) => {
      if (node.callee.type !== 'Identifier' || node.callee.name !== 'RegExp') return;
      const message = 'An expression that is made at run time cannot be checked: write a literal.';
      context.report({ node, message });
    };
    return {
      /** @param {LiteralNode} node */
      Literal(node) {
        if (node.regex === undefined) return;
        const verdict = verdictOn(node.regex.pattern, node.regex.flags);
        if (verdict !== '') context.report({ node, message: `Regular expression: ${verdict}.` });
      },
      CallExpression: onCall,
      NewExpression: onCall,
      'Program:exit'() {
        if (Object.keys(verdicts).length === known) return;
        mkdirSync(fileURLToPath(FOLDER), { recursive: true });
        writeFileSync(FILE, JSON.stringify(verdicts));
      },
    };
  },
};

export default {
  meta: { name: 'regular-expressions' },
  rules: { 'linear-time': linearTime },
};
