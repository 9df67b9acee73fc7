/** Pages in Chromium. Every test fails if its page makes a request, breaks its policy, or has an error. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { runCommand } from '../../src/cli/command.js';

const EXECUTABLE = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** A folder for the files of one test file. */
const folder = mkdtempSync(join(tmpdir(), 'rfc2228-page-'));
let browser: Browser;
const problems: string[] = [];

beforeAll(async () => {
  if (!existsSync(EXECUTABLE)) throw new Error(`no ${EXECUTABLE}: apt-get install chromium, or set CHROMIUM`);
  browser = await chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox'] });
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  expect(problems.splice(0)).toEqual([]);
});
afterAll(async () => {
  await browser.close();
  rmSync(folder, { recursive: true });
});

/** @returns the path of a new file */
export function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Runs the command with `--html`. @returns the path of the page */
export async function htmlOf(...args: string[]): Promise<string> {
  const path = join(folder, 'report.html');
  let said = '';
  const output = { write: (text: string) => (said += text) };
  const status = await runCommand(['verify', ...args, '--html', path], { stdout: output, stderr: output });
  expect(status, said).not.toBe(2);
  return path;
}

/** @param hash  the rest of the address, with `#` */
export async function open(path: string, hash = '', options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  context.setDefaultTimeout(100_000);
  const page = await context.newPage();
  page.on('console', message => problems.push(message.text()));
  page.on('pageerror', error => problems.push(String(error.stack)));
  page.on('dialog', dialog => {
    problems.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('request', request => {
    if (!/^(file|blob|data):/.test(request.url())) problems.push(`request: ${request.url()}`);
  });
  await page.goto(`${pathToFileURL(path)}${hash}`);
  return page;
}

/** Drops files on the page. */
export async function drop(page: Page, files: readonly { name: string; content: Uint8Array }[]): Promise<void> {
  const contents = files.map(({ name, content }) => ({ name, base64: Buffer.from(content).toString('base64') }));
  await page.evaluate(dropped => {
    const transfer = new DataTransfer();
    for (const { name, base64 } of dropped) {
      const octets = Uint8Array.from(atob(base64), character => character.charCodeAt(0));
      transfer.items.add(new File([octets], name));
    }
    for (const type of ['dragenter', 'dragover', 'drop']) {
      document.body.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }
  }, contents);
}

/** What axe-core objects to: the name of each rule, and the elements. */
export async function objections(page: Page): Promise<unknown[]> {
  await page.evaluate(axe.source);
  // biome-ignore lint/suspicious/noExplicitAny: axe-core is a global of the page
  const { violations } = await page.evaluate(() => (window as any).axe.run());
  // biome-ignore lint/suspicious/noExplicitAny: the same
  return violations.map(({ id, nodes }: any) => [id, nodes.map(({ html }: any) => html)]);
}
