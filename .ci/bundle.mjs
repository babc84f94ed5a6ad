/**
 * Makes one file of all that a CGI process loads, after `tsc` has made `dist/`. Such a process serves one request, and
 * needs longer for finding, reading and linking fifty modules than for the request.
 *
 * The files are CommonJS, which Node loads sooner than ES modules. What is loaded only when it is needed, such as what
 * Express needs, stays in files of its own beside them.
 */

import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { rolldown } from 'rolldown';

/** Gateways that a CGI process never loads: they stay the modules that they are. */
const OTHER_GATEWAY = /adapters\/(?:http|fastcgi|scgi|uwsgi)\//;

const GATEWAY = 'dist/adapters/cgi';
const [gateway] = await bundle(GATEWAY, "export * from './adapters/cgi/index.ts'");
// The bundle is the only way in, so that nothing is loaded twice. The types of its modules stay, and what the command asks
// for the names of the options.
for (const file of readdirSync(GATEWAY))
  if (file.endsWith('.js') && file !== 'options.js') rmSync(`${GATEWAY}/${file}`);
// Not `import`: Node would read the whole bundle for the names of its exports.
writeFileSync(
  `${GATEWAY}/index.js`,
  `const { createRequire } = process.getBuiltinModule('node:module');
export const { ${gateway.exports.join(', ')} } = createRequire(import.meta.url)('./cgi.cjs');
`,
);

await bundle(
  'dist/src/cli/cgi',
  "export * from './src/cli/cgi/cgi.ts'; export * from './adapters/cgi/index.ts'",
);

/**
 * Bundles into `cgi.cjs` and the files that it loads later.
 *
 * @param {string} dir
 * @param {string} source of the entry
 */
async function bundle(dir, source) {
  const build = await rolldown({
    input: 'entry',
    platform: 'node',
    checks: { ineffectiveDynamicImport: false }, // the entry imports what the registry imports later
    // One file with all that is loaded at once; with a signature of its own, the entry would be another one.
    preserveEntrySignatures: 'allow-extension',
    external: ['jiti', 'youch'],
    plugins: [
      {
        name: 'entry',
        resolveId(id) {
          if (id === 'entry') return `${process.cwd()}/entry.ts`;
          return OTHER_GATEWAY.test(id)
            ? { id: id.replace(/ts$/, 'js'), external: true }
            : undefined;
        },
        load: (id) => (id === `${process.cwd()}/entry.ts` ? source : undefined),
      },
    ],
  });
  const { output } = await build.write({
    dir,
    codeSplitting: { groups: [{ name: 'cgi', tags: ['$initial'] }] },
    format: 'cjs',
    entryFileNames: 'cgi.cjs',
    chunkFileNames: 'cgi-[name].cjs',
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
  });
  return output;
}
