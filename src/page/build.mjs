/**
 * Builds the two pages: dist/viewer.html shows a transcript, which `rfc2228 verify --html` puts into it; dist/page.html
 * also has the verifier. Each is one file, whose policy permits its own script and style, by their hashes, and no connection.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, transformSync } from 'esbuild';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));

/** @param {string} entry */
async function bundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [`${HERE}${entry}`],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    tsconfigRaw: {},
  });
  const text = outputFiles[0].text.trim();
  // Inside an element, these would end it or change how the rest is read.
  if (/<\/(script|style)|<!--/i.test(text)) throw new Error(`${entry} can't be put into a page`);
  return text;
}

const hashOf = text => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

function page({ script, style, verifier = '' }) {
  const policy = [
    "default-src 'none'",
    "connect-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    'worker-src blob:',
    "base-uri 'none'",
    "form-action 'none'",
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy.join('; ')}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>FTP security transcript</title>
<style>${style}</style>
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript. It makes no connections.</noscript>
<script type="application/x-ndjson" id="transcript"></script>
<script type="text/plain" id="verifier">${verifier}</script>
<script>${script}</script>
</body>
</html>
`;
}

const style = transformSync(readFileSync(`${HERE}style.css`, 'utf8'), { loader: 'css', minify: true }).code.trim();
const script = await bundle('main.tsx');
mkdirSync(DIST, { recursive: true });
writeFileSync(`${DIST}viewer.html`, page({ script, style }));

// Compressed, because it is three times as long as the rest.
const verifier = gzipSync(await bundle('verifier/worker.ts'), { level: 9 }).toString('base64');
writeFileSync(`${DIST}page.html`, page({ script, style, verifier }));
