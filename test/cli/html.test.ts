/** `verify --html`; test/page shows the page in a browser. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { capture, file, folder, keytabOf, ONE_LINE, ROOT, run } from './run.js';

const NAME = 'probe-heimdal-nomutual';
const SESSION = [capture(NAME), '--keytab', keytabOf(NAME)];

/** The transcript in a page. */
function transcriptIn(path: string): string {
  return /<script type="application\/x-ndjson" id="transcript">\n([^<]*)<\/script>/.exec(
    readFileSync(path, 'utf8'),
  )![1]!;
}

it('writes the same records as --json into the page, beside what it prints', async () => {
  const path = join(folder, 'session.html');
  const { status, stdout } = await run('verify', ...SESSION, '--json', '--html', path);
  expect(status).toBe(0);
  expect(transcriptIn(path)).toBe(stdout.replaceAll('<', '\\u003c'));
  expect((await run('verify', ...SESSION, '--html', path)).stdout).toBe((await run('verify', ...SESSION)).stdout);
});

it('writes all recordings into one page', async () => {
  const path = join(folder, 'all.html');
  await run('verify', capture(NAME), capture('mit-ftpd-nomutual'), '--html', path);
  const types = transcriptIn(path)
    .trim()
    .split('\n')
    .map(line => JSON.parse(line).type);
  expect(types.filter(type => type === 'file').length).toBe(2);
  expect(types.at(-1)).toBe('summary');
});

it('can not leave its element, whatever a line contains', async () => {
  const path = join(folder, 'hostile.html');
  const text = '</script><script>alert(1)</script><!--';
  await run('verify', file('hostile.txt', `S> 220 ${text}\nC> USER ${text}\n`), '--html', path);
  const records = transcriptIn(path).trim().split('\n');
  expect(JSON.parse(records[1]!).text).toBe(`220 ${text}`);
});

it('overwrites no recording: the name must end in .html', async () => {
  const path = file('session.pcap', readFileSync(capture(NAME)));
  expect(await run('verify', ...SESSION, '--html', path)).toEqual(ONE_LINE);
  expect(readFileSync(path)).toEqual(readFileSync(capture(NAME)));
});

it('says why a page can not be written', async () => {
  const path = join(folder, 'no-folder', 'a.html');
  const result = await run('verify', ...SESSION, '--html', path);
  expect([result, existsSync(path)]).toEqual([{ ...ONE_LINE, stderr: expect.stringContaining(path) }, false]);
});

describe('page', () => {
  it('writes the page that verifies captures', async () => {
    const path = join(folder, 'page.html');
    expect(await run('page', path)).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(readFileSync(path)).toEqual(readFileSync(join(ROOT, 'dist/page.html')));
  });

  it.each([[], ['a.pcap'], ['a.html', 'b.html'], ['no-folder/a.html']])(
    'is told in one line: page %s %s',
    async (...names) => {
      expect(await run('page', ...names)).toEqual(ONE_LINE);
    },
  );
});
