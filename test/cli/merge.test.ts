/** `verify --merge`: the results of several runs as one, which has to be that of a single run. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { capture, file, keytabOf, ONE_LINE, type Ran, run } from './run.js';

/** Different totals, findings, levels and statuses; the last is no capture. */
const NAMES = ['probe-heimdal-nomutual', 'krb5ftp-clear-aes256-sha1', 'mit-ftpd-nomutual', 'wzdftpd'];
const CAPTURES = [...NAMES.map(capture), file('no-capture.pcap', 'these are not packets')];
/** The third has no key. */
const KEYS = [0, 1].flatMap(i => ['--keytab', keytabOf(NAMES[i]!)]);

const verified = (...captures: string[]) => run('verify', '--json', ...captures, ...KEYS);
const runs = await Promise.all(CAPTURES.map(path => verified(path)));
const whole = await verified(...CAPTURES);

let files = 0;
const saved = ({ stdout }: Pick<Ran, 'stdout'>) => file(`result-${files++}.ndjson`, stdout);
const cut = ({ stdout }: Ran, share: number) => saved({ stdout: stdout.slice(0, Math.floor(share * stdout.length)) });
const records = ({ stdout }: Ran) =>
  stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line));
const recordings = (ran: Ran) => records(ran).filter(({ type }) => type === 'file');

describe('the results of one run for each recording', () => {
  const sources = runs.map(saved);

  it('are together those of one run for all', async () => {
    const merged = await run('verify', '--merge', '--json', ...sources);
    expect(merged.stdout).toBe(whole.stdout);
    expect(merged.status).toBe(whole.status);
  });

  it.each([['--summary'], ['--utc'], ['--errors', '--utc'], ['--summary', '--fail-on', 'high']])(
    'are shown as those of one run, %s',
    async (...options) => {
      const readable = sources.slice(0, -1);
      const merged = await run('verify', '--merge', ...readable, ...options);
      expect(merged).toEqual(await run('verify', ...CAPTURES.slice(0, -1), ...KEYS, ...options));
    },
  );

  it('may be merged in part before', async () => {
    const first = await run('verify', '--merge', '--json', ...sources.slice(0, 2));
    const merged = await run('verify', '--merge', '--json', saved(first), ...sources.slice(2));
    expect(merged.stdout).toBe(whole.stdout);
  });

  it('give a page too', async () => {
    const page = file('merged.html', '');
    await run('verify', '--merge', ...sources, '--html', page);
    expect(readFileSync(page, 'utf8')).toContain(whole.stdout.trimEnd().replaceAll('<', '\\u003c'));
  });
});

describe('a result without its end', () => {
  it.each([0.001, 0.3, 0.6, 0.9])('names its recording, at %d of its octets', async share => {
    const [first, second] = runs;
    const merged = await run('verify', '--merge', '--json', saved(first!), cut(second!, share));
    expect(merged.status).toBe(3);
    const [, unfinished] = recordings(merged);
    expect(unfinished).toMatchObject({ status: 3, error: { code: 'unfinished' }, messages: 0 });
    // The first octets do not have the name.
    if (share > 0.001) expect(unfinished.file).toBe(CAPTURES[1]);
    expect(records(merged).at(-1)).toEqual(records(first!).at(-1));
    expect(merged.stderr).toContain('rfc2228: unfinished: 1 of 2 recordings; the totals are of the others\n');
  });

  it('does not count if there is another one', async () => {
    const [first, second] = runs;
    const sources = [cut(second!, 0.5), saved(first!), saved(second!), cut(first!, 0.2)];
    const merged = await run('verify', '--merge', '--json', ...sources);
    const both = await verified(CAPTURES[1]!, CAPTURES[0]!);
    expect([merged.stdout, merged.status]).toEqual([both.stdout, both.status]);
  });

  it('is that of a run for several recordings that ended between two of them', async () => {
    const end = whole.stdout.indexOf('{"type":"begin"', 1);
    const source = saved({ stdout: whole.stdout.slice(0, end) });
    const merged = await run('verify', '--merge', '--json', source);
    expect(merged.status).toBe(3);
    expect(recordings(merged).map(({ file }) => file)).toEqual([CAPTURES[0], source]);
  });
});

describe('two results of a recording', () => {
  it('count once', async () => {
    const merged = await run('verify', '--merge', '--json', ...[...runs, ...runs].map(saved));
    expect(merged.stdout).toBe(whole.stdout);
  });

  it('are that without an error, if the other has one', async () => {
    const [, second] = runs;
    const unreadable = { ...recordings(second!)[0], status: 2, error: { code: 'unreadable', message: 'EIO' } };
    const lines = [unreadable, records(second!).at(-1)].map(record => `${JSON.stringify(record)}\n`).join('');
    const merged = await run('verify', '--merge', '--json', saved({ stdout: lines }), saved(second!));
    expect(merged.stdout).toBe(second!.stdout);
  });

  it('are refused if they differ', async () => {
    const other = await run('verify', '--json', CAPTURES[0]!);
    expect(await run('verify', '--merge', saved(runs[0]!), saved(other))).toEqual(ONE_LINE);
  });
});

describe('what is no result', () => {
  it.each([
    ['a recording', readFileSync(CAPTURES[0]!)],
    ['other JSON lines', '{"type":"x"}\n{"type":"message"}\n'],
    ['a line that is broken', `${runs[0]!.stdout.slice(0, 200)}\n{"type":"file"\n`],
    ['text', 'rfc2228\n'],
  ])('is refused: %s', async (name, content) => {
    expect(await run('verify', '--merge', file(`no result: ${name}`, content))).toEqual(ONE_LINE);
  });

  it.each(['--summary', '--errors'])(
    'is one without its lines, which %s leaves out: their errors are not known',
    async option => {
      const { stdout, status } = await run('verify', '--json', capture('probe-ftpd-aes256-sha1'), ...KEYS, option);
      expect([stdout.endsWith('\n'), status]).toEqual([true, 1]);
      const { stderr, ...rest } = await run('verify', '--merge', saved({ stdout }));
      expect({ stderr, ...rest }).toEqual(ONE_LINE);
      expect(stderr).toContain('lines are left out');
    },
  );

  it('is a file that is not there', async () => {
    expect(await run('verify', '--merge', '/nowhere.ndjson')).toEqual(ONE_LINE);
  });

  it.each([
    ['--join'],
    ['--extract', 'folder'],
    ['--keytab', 'ftp.keytab'],
    ['--password-stdin'],
    ['--jobs', '2'],
    ['--strict'],
    ['--tolerate', 'bare-lf'],
    ['--port', '21'],
  ])('can not be read with %s, which is for recordings', async (...options) => {
    const { stderr, ...rest } = await run('verify', '--merge', saved(runs[0]!), ...options);
    expect({ stderr, ...rest }).toEqual(ONE_LINE);
    expect(stderr).toContain(`${options[0]} is for recordings`);
  });
});
