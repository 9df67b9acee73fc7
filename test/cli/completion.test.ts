/** Completions and the man page, which are made from the help, tried in the shells and programs that read them, where these are. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OPTIONS as FUZZ_OPTIONS } from '../../src/cli/fuzz/options.js';
import { HELP } from '../../src/cli/help.js';
import { optionsOf, SUBCOMMAND_NAMES, usageOf } from '../../src/cli/help-options.js';
import { manPage } from '../../src/cli/man-page.js';
import { OPTIONS as VERIFY_OPTIONS } from '../../src/cli/verify-options.js';
import { file, folder, ONE_LINE, run } from './run.js';

const programs = (process.env['PATH'] ?? '').split(':');
const has = (program: string) => programs.some(directory => existsSync(join(directory, program)));
const script = async (shell: string) => (await run('completion', shell)).stdout;

describe('the options that the help names', () => {
  const ONE_SIDE = { user: 'string', 'password-file': 'string', listen: 'string', at: 'string' };
  const typesOf = (options: Record<string, { type: string }>) =>
    Object.fromEntries(Object.entries(options).map(([name, { type }]) => [name, type]));

  it.each([
    ['verify', typesOf(VERIFY_OPTIONS)],
    ['decode', { json: 'boolean' }],
    ['code', { json: 'boolean' }],
    ['keytab', { json: 'boolean' }],
    ['page', {}],
    ['fuzz', { ...typesOf(FUZZ_OPTIONS), ...ONE_SIDE }],
    ['completion', {}],
  ] as const)('are those of %s, with values where they take them', (name, expected) => {
    const found = optionsOf(name).map(it => [it.name, it.value === undefined ? 'boolean' : 'string']);
    expect(Object.fromEntries(found)).toEqual(expected);
  });

  it('have the values that are listed', () => {
    expect(optionsOf('fuzz').find(({ name }) => name === 'mechanism')?.choices).toEqual(['krb5', 'gsi', 'krb4', 'psk']);
    expect(usageOf('fuzz').words).toEqual(['server', 'client', 'corpus']);
  });
});

it('wrong usage is told in one line', async () => {
  for (const args of [[], ['tcsh'], ['toString'], ['bash', 'zsh']])
    expect(await run('completion', ...args)).toEqual(ONE_LINE);
});

/** Words typed after `rfc2228`, and one of the words that are proposed for the last of them, and one that is not. */
const TYPED: [words: string[], proposed: string, not: string][] = [
  [['ver'], 'verify', 'decode'],
  [[''], 'completion', 'server'],
  [['verify', '--keyt'], '--keytab', '--keylog'],
  [['verify', 'a.pcap', '--only'], '--only-port', '--only'],
  [['fuzz', ''], 'corpus', 'zsh'],
  [['fuzz', 'server', '--mechanism', 'kr'], 'krb4', 'psk'],
  [['page', '--'], '--help', '--html'],
];

describe.runIf(has('bash'))('bash', () => {
  it.each(TYPED)('completes %j', async (words, proposed, not) => {
    const driver = `eval "$1"; shift; COMP_WORDS=(rfc2228 "$@"); COMP_CWORD=$#; _rfc2228; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const printed = execFileSync('bash', ['-uc', driver, '-', await script('bash'), ...words], { encoding: 'utf8' });
    expect(printed.split('\n')).toContain(proposed);
    expect(printed.split('\n')).not.toContain(not);
  });
});

describe.runIf(has('fish'))('fish', () => {
  it.each(TYPED)('completes %j', async (words, proposed, not) => {
    const path = file('completion.fish', await script('fish'));
    const home = mkdtempSync(join(folder, 'home-'));
    const driver = `source ${path}; complete -C "rfc2228 ${words.join(' ')}"`;
    const printed = execFileSync('fish', ['-c', driver], { encoding: 'utf8', env: { ...process.env, HOME: home } });
    const names = printed.split('\n').map(line => line.split('\t')[0]);
    if (proposed !== '--help') expect(names).toContain(proposed);
    expect(names).not.toContain(not);
  });
});

describe.runIf(has('zsh'))('zsh', () => {
  /** Types each line into an interactive shell: a tab, and then return, which runs what has been completed. */
  const DRIVER = `zmodload zsh/zpty; zpty shell zsh -fi
zpty -w shell "autoload -U compinit; compinit -D -u; source $1; rfc2228() { print -r -- RAN '<'\\$*'>' }; echo READY"
zpty -r shell shown '*READY*READY*'
shift
for typed; do
  zpty -w -n shell "rfc2228 $typed"$'\\t\\n'
  zpty -r shell shown '*RAN <*>*'
  print -r -- $shown
done
zpty -d shell`;

  it('completes what is typed', async () => {
    const path = file('completion.zsh', await script('zsh'));
    const lines = {
      ver: 'verify',
      'verify --keyt': 'verify --keytab',
      'verify --only': 'verify --only-port',
      'fuzz cor': 'fuzz corpus',
      'fuzz server --mechanism ps': 'fuzz server --mechanism psk',
      'page --he': 'page --help',
    };
    const args = ['-fc', DRIVER, '-', path, ...Object.keys(lines)];
    const shown = execFileSync('zsh', args, { encoding: 'utf8', timeout: 60_000 });
    expect([...shown.matchAll(/RAN <(.*?) *>/g)].map(([, ran]) => ran)).toEqual(Object.values(lines));
  }, 60_000);
});

describe('the man page', () => {
  const page = manPage('2026-11-29');

  it('has every subcommand and option, and the whole text of the help', () => {
    const text = page.replaceAll('\\-', '-');
    for (const name of SUBCOMMAND_NAMES) {
      expect(text).toContain(`.SS ${name}\n`);
      for (const option of optionsOf(name)) expect(text).toContain(`--${option.name}`);
    }
    const words = (it: string) => (it.match(/[a-z]{4,}/gi) ?? []).map(word => word.toLowerCase());
    const onPage = new Set(words(text));
    expect(SUBCOMMAND_NAMES.flatMap(name => words(HELP[name])).filter(word => !onPage.has(word))).toEqual([]);
  });

  it.runIf(has('mandoc'))('has no fault that mandoc knows of', () => {
    expect(execFileSync('mandoc', ['-T', 'lint', '-W', 'warning', file('rfc2228.1', page)], { encoding: 'utf8' })).toBe(
      '',
    );
  });

  it.runIf(has('man'))('is shown by man', () => {
    const env = { ...process.env, MANWIDTH: '100', LC_ALL: 'C.UTF-8' };
    const shown = execFileSync('man', ['-l', file('rfc2228.1', page)], {
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(shown).toMatch(/^ +--keytab FILE$/m);
    expect(shown).toMatch(/^ +130 +interrupted by Ctrl-C/m);
  });
});
