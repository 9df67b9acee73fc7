/** The page that `rfc2228 verify --html` writes. */
import { describe, expect, it } from 'vitest';
import { capture, keytabOf } from '../cli/run.js';
import { file, htmlOf, objections, open } from './chromium.js';

const NAME = 'heimdal-private-aes256-cts-hmac-sha384-192';
const report = () => htmlOf(capture(NAME), '--keytab', keytabOf(NAME));

describe('the page of a session', () => {
  it('shows totals, findings, and every line with its level and verdict', async () => {
    const page = await open(await report());
    await page.getByText('125 verified').waitFor();
    expect(await page.locator('.findings li').allInnerTexts()).toEqual([
      expect.stringContaining('password-unsealed'),
      expect.stringContaining('delegated-credentials'),
      expect.stringContaining('deviation/reply-spans-outer'),
    ]);
    const line = page.getByRole('button', { name: /USER ftptester safe verified/ });
    expect(await line.count()).toBe(1);
    expect(await page.getByText('141 lines').count()).toBe(1);
  });

  it('keeps the filter in its address', async () => {
    const path = await report();
    const page = await open(path);
    await page.getByLabel('Side').selectOption('client');
    await page.getByLabel('Text').fill('prot');
    await page.getByText('1 line', { exact: true }).waitFor();
    expect(new URL(page.url()).hash).toBe('#side=client&text=prot');
    const again = await open(path, '#side=client&text=prot');
    await again.getByText('1 line', { exact: true }).waitFor();
    await again.getByRole('button', { name: 'Show all' }).click();
    await again.getByText('141 lines').waitFor();
    expect(new URL(again.url()).hash).toBe('');
  });

  it('opens a line, with the anatomy of its token, and copies it', async () => {
    const page = await open(await report(), '', { permissions: ['clipboard-read', 'clipboard-write'] });
    await page.getByRole('button', { name: /USER ftptester/ }).click();
    const anatomy = page.getByRole('region', { name: 'Anatomy' });
    expect(await anatomy.innerText()).toMatch(/kind\s+wrap\s[\s\S]*rrc\s+\d+/);
    await page.getByRole('button', { name: 'Copy as JSON' }).click();
    await page.getByText('Copied').waitFor();
    const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
    expect(copied).toMatchObject({ type: 'message', connection: 1, index: 6, text: 'USER ftptester' });
  });

  it('goes to the line in its address, and to the lines of findings', async () => {
    const page = await open(await report(), '#line=1.120');
    await page.locator('[data-index] .details').waitFor();
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain('120');
    await page.getByRole('button', { name: 'line 1.16' }).click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toContain('PASS dummy');
  });

  it('can be used with the keyboard alone', async () => {
    const page = await open(await report());
    await page.getByLabel('Text').focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    const focused = () => page.evaluate(() => document.activeElement?.textContent);
    expect(await focused()).toContain('Connection 1');
    await page.keyboard.press('Enter');
    await page.getByText('ftp/localhost@HEIM.TEST').first().waitFor();
    await page.keyboard.press('ArrowDown');
    await expect.poll(focused).toContain('220 ftphost');
    await page.keyboard.press('End');
    await expect.poll(focused).toContain('221');
    await page.keyboard.press('Home');
    await expect.poll(focused).toContain('Connection 1');
  });

  it.each(['light', 'dark'] as const)('has nothing that axe-core objects to, in %s colours', async colorScheme => {
    const page = await open(await report(), '#line=1.16', { colorScheme });
    await page.getByText('Transfers on').click();
    expect(await objections(page)).toEqual([]);
  });

  it('prints every line, and not the filter', async () => {
    const page = await open(await report());
    await page.emulateMedia({ media: 'print' });
    await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
    expect(await page.locator('.row').count()).toBe(142);
    expect(await page.locator('.filter').isVisible()).toBe(false);
    await page.evaluate(() => window.dispatchEvent(new Event('afterprint')));
    await expect.poll(() => page.locator('.row').count()).toBeLessThan(80);
  });
});

describe('a hostile recording', () => {
  const HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(2)><!--<script>';

  it('injects nothing: its text is shown as it is, without control characters', async () => {
    const spoken = [
      'S> 220 ready',
      `C> USER ${HOSTILE}`,
      'S> 331 \u202egnp.exe\u2066 \u001b[31mred\u001b[0m \u0007',
      `C> ${HOSTILE}`,
      'S> 500 no',
    ];
    const path = await htmlOf(file('hostile.txt', spoken.join('\n')));
    const page = await open(path);
    await page.getByRole('button', { name: /USER/ }).click();
    expect(await page.locator('.said').nth(1).innerText()).toContain(HOSTILE);
    expect(await page.locator('.said').nth(2).innerText()).toContain('\\u{202e}gnp.exe\\u{2066} \\u{1b}[31mred');
    expect(await page.locator('script').count()).toBe(3);
    expect(await page.locator('img').count()).toBe(0);
  });
});
