/** The page that verifies captures, dist/page.html, and the viewer with files dropped on it. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { toHex, toUtf8 } from '../../src/bytes.js';
import { parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { pskRecording } from '../cli/psk-recording.js';
import { capture, keytabOf, ROOT, srvtabOf } from '../cli/run.js';
import { drop, file, objections, open } from './chromium.js';

const PAGE = join(ROOT, 'dist/page.html');
const VIEWER = join(ROOT, 'dist/viewer.html');

const NAME = 'heimdal-private-aes256-cts-hmac-sha384-192';
const named = (path: string) => ({ name: basename(path), content: readFileSync(path) });
const recording = named(capture(NAME));
const keytab = named(keytabOf(NAME));
const totals = (page: Page) => page.locator('.totals');

describe('the page', () => {
  it('says that the files never leave the machine', async () => {
    const page = await open(PAGE);
    await page.getByText('The files never leave this machine').waitFor();
  });

  it('verifies a capture with the keytab that is dropped with it', async () => {
    const page = await open(PAGE);
    await drop(page, [recording, keytab]);
    await totals(page).getByText('125 verified').waitFor();
    await page.getByText(/Connection 1.*GSSAPI krb5/).waitFor();
  });

  it('takes files from the moment on when it is shown', async () => {
    const page = await open(PAGE);
    await page.addInitScript(text => {
      document.addEventListener('DOMContentLoaded', () => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([text], 'session.txt'));
        document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
      });
    }, 'S> 220 ready\nC> NOOP\nS> 200 done\n');
    await page.reload();
    await totals(page).getByText('3 lines').waitFor();
  });

  it('takes a compressed capture, and keys that come later', async () => {
    const page = await open(PAGE);
    await drop(page, [{ name: 'session.pcap.gz', content: gzipSync(recording.content) }]);
    await totals(page).getByText('125 without a key').waitFor();
    await drop(page, [keytab]);
    await totals(page).getByText('125 verified').waitFor();
  });

  it('names the key that is missing, if the keytab has another', async () => {
    const page = await open(PAGE);
    await drop(page, [recording, named(keytabOf('krb5ftp-safe-aes256-sha1'))]);
    await page
      .getByText(/no key for .*ftp\/localhost@HEIM\.TEST/)
      .first()
      .waitFor();
    await totals(page).getByText('125 without a key').waitFor();
  });

  it('takes a typed key, and shows no part of a wrong one', async () => {
    const [entry] = parseKeytab(keytab.content);
    const hex = toHex(entry!.key);
    const page = await open(PAGE);
    await drop(page, [recording]);
    const field = page.getByRole('textbox', { name: /^Keys/ });
    await field.fill(`${entry!.enctype}:${hex.slice(2)}`);
    await page.getByRole('button', { name: 'Verify' }).click();
    const notice = page.getByText('typed keys:');
    expect(await notice.innerText()).toBe('typed keys: a key of aes256-cts-hmac-sha384-192 is 64 hex digits');
    await field.fill(`${entry!.enctype}:${hex}`);
    await page.getByRole('button', { name: 'Verify' }).click();
    await totals(page).getByText('125 verified').waitFor();
  });

  it('opens RC4', async () => {
    const page = await open(PAGE);
    const rc4 = 'heimdal-private-arcfour-hmac-md5';
    await drop(page, [named(capture(rc4)), named(keytabOf(rc4))]);
    await totals(page).getByText('125 verified').waitFor();
  });

  it('opens X-PSK with a typed key', async () => {
    const { key, lines } = await pskRecording();
    const page = await open(PAGE);
    await page.getByRole('textbox', { name: /^Keys/ }).fill(`PSK:${toHex(key)}`);
    await drop(page, [{ name: 'psk.txt', content: toUtf8(lines.join('\n')) }]);
    await totals(page).getByText('1 verified').waitFor();
  });

  it.each(['light', 'dark'] as const)('has nothing that axe-core objects to, in %s colours', async colorScheme => {
    const page = await open(PAGE, '', { colorScheme });
    expect(await objections(page)).toEqual([]);
    await drop(page, [recording, keytab]);
    await totals(page).getByText('125 verified').waitFor();
    expect(await objections(page)).toEqual([]);
  });

  it('numbers the connections of several recordings in one series', async () => {
    const page = await open(PAGE);
    await drop(page, [recording, keytab, named(capture('mit-ftpd-nomutual'))]);
    await totals(page).getByText('2 control connections').waitFor();
    expect(await page.getByRole('combobox', { name: 'Connection' }).locator('option').allInnerTexts()).toEqual([
      'all',
      '1',
      '2',
    ]);
  });

  it('says what needs ciphers that only Node has, and what it can not read', async () => {
    const page = await open(PAGE);
    const [camellia, krb4] = ['krb5ftp-private-camellia128', 'gssftp163-krb4-private'];
    await drop(page, [named(capture(camellia)), named(keytabOf(camellia))]);
    await page.getByText(`${camellia}.pcap: DES, triple DES and Camellia are not in browsers`).waitFor();
    await page.getByRole('button', { name: 'Remove all files' }).click();
    await drop(page, [
      named(capture(krb4)),
      named(srvtabOf(krb4)),
      { name: 'picture.png', content: Buffer.from('\x89PNG') },
    ]);
    await page.getByText(`${krb4}.srvtab: KERBEROS_V4 needs DES`).waitFor();
    await page.getByText('picture.png: neither a recording nor a file of keys').waitFor();
  });

  it('shows how far it is, and can be cancelled', async () => {
    // A long capture: the packets of a short one, many times.
    const path = file('long.pcap', recording.content.subarray(0, 24));
    const descriptor = openSync(path, 'a');
    const packets = Buffer.concat(Array(40).fill(recording.content.subarray(24)));
    for (let octets = 0; octets < 60_000_000; ) octets += writeSync(descriptor, packets);
    closeSync(descriptor);
    const page = await open(PAGE);
    await page.getByLabel('Or choose files').setInputFiles(path);
    await page.getByText(/long\.pcap: \d+ %, pass \d/).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(await page.getByRole('progressbar').count()).toBe(0);
    await page.waitForTimeout(500);
    expect(await totals(page).count()).toBe(0);
  });
});

describe('the viewer', () => {
  it('shows a transcript that is dropped on it, and says what it can not show', async () => {
    const page = await open(VIEWER);
    const line = { type: 'message', connection: 1, index: 1, time: null, from: 'server', wire: '220 ', level: 'clear' };
    const rest = { applied: null, verdict: 'clear', token: null, plain_hex: null, text: '220 hello', sequence: null };
    const record = { ...line, ...rest, tolerated: [], weak: false, error: null };
    await drop(page, [{ name: 'a.jsonl', content: Buffer.from(`${JSON.stringify(record)}\n{"type":"message"}\n`) }]);
    await page.getByText('220 hello').waitFor();
    await page.getByText('1 line of the transcript not read').waitFor();
    await page.getByText('This transcript has no end').waitFor();
    await drop(page, [recording]);
    await page.getByText('Not a transcript').waitFor();
    await page.getByText('220 hello').waitFor();
  });
});
