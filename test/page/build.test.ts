/** The built pages: their policy and their size. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

describe.each(['viewer.html', 'page.html'])('dist/%s', name => {
  const page = readFileSync(fileURLToPath(new URL(`../../dist/${name}`, import.meta.url)), 'utf8');
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? '';

  it('permits its own script and style, by their hashes, and no connection', () => {
    const hash = (text = '') => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    const script = /<script>([\s\S]*?)<\/script>/.exec(page)?.[1];
    const style = /<style>([\s\S]*?)<\/style>/.exec(page)?.[1];
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      "connect-src 'none'",
      `script-src ${hash(script)}`,
      `style-src ${hash(style)}`,
      'worker-src blob:',
      "base-uri 'none'",
      "form-action 'none'",
    ]);
  });

  it('loads nothing', () => {
    const markup = page.replace(/(<script>)[\s\S]*?(<\/script>)/, '$1$2');
    expect(markup.match(/<(?:link|img|iframe|object|embed)\b|<script[^>]*\ssrc|@import|url\(/gi)).toBeNull();
  });

  it('has less than 300 kB', () => {
    expect(page.length).toBeLessThan(300_000);
  });
});
