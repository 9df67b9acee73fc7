/** GNU parallel over two hosts, which are two sshd on 127.0.0.1. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { isWhole, killTree, recipe, verifiedAtOnce, Workplace } from './machines.js';
import { freePort, listening } from './realm.js';

const RECIPE = recipe('parallel --sshloginfile');
const place = new Workplace();
const path = (name: string) => join(place.folder, name);
const whole = verifiedAtOnce(place);
const ports: number[] = [];
let hosts: ChildProcess[] = [];

beforeAll(async () => {
  ports.push(await freePort(), await freePort());
  mkdirSync('/run/sshd', { recursive: true });
  for (const key of ['user', 'host']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path(key)]);
  place.write(
    'sshd.conf',
    [
      'ListenAddress 127.0.0.1',
      `HostKey ${path('host')}`,
      `AuthorizedKeysFile ${path('user.pub')}`,
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      'PermitRootLogin prohibit-password',
      // A home of its own, so that no start-up file of the user's shell is read.
      `SetEnv PATH=${place.environment['PATH']} HOME=${place.folder}`,
    ].join('\n'),
  );
  place.write(
    'ssh.conf',
    [
      ...ports.flatMap((port, i) => [`Host worker${i + 1}`, `Port ${port}`]),
      'Host *',
      'HostName 127.0.0.1',
      `IdentityFile ${path('user')}`,
      'IdentitiesOnly yes',
      'StrictHostKeyChecking no',
      'UserKnownHostsFile /dev/null',
      'LogLevel ERROR',
    ].join('\n'),
  );
  place.write('hosts', '1/worker1\n1/worker2\n');
  place.environment['PARALLEL_SSH'] = `ssh -F ${path('ssh.conf')}`;
});

beforeEach(async () => {
  for (const host of hosts) await killTree(host);
  await startHosts();
  for (const name of ['results', 'jobs.log']) rmSync(path(name), { recursive: true, force: true });
  mkdirSync(path('results'));
});

afterAll(() => place.close());

it('two hosts give together what one run gives', async () => {
  const { status, stdout, stderr } = await place.run(RECIPE);
  expect(status, stderr).toBe(3);
  expect(stdout).toMatch(/^captures\/0-0\.pcap: status 0; /m);
  await expectWhole();
  expect(new Set(hostsOf(jobs()))).toEqual(new Set(['worker1', 'worker2']));
});

it('the other host does the work of one that fails half-way', async () => {
  const run = place.begin(RECIPE);
  await place.halfWay();
  await killTree(hosts[1]!);
  await run.ended;
  await expectWhole();
});

it('a run that was killed half-way is unfinished, and does the rest when it is started again', async () => {
  const run = place.begin(RECIPE.slice(0, RECIPE.lastIndexOf('rfc2228')));
  await place.halfWay();
  await killTree(run.process);
  for (const host of hosts) await killTree(host);
  const results = place.results();
  const done = [...results].filter(([, result]) => isWhole(result)).map(([name]) => name);
  expect(done.length).toBeLessThan(place.captures);

  const partly = await place.merged();
  expect(partly.status).toBe(3);
  expect(partly.stderr).toContain(`unfinished: ${results.size - done.length} of ${results.size} recordings`);
  const records = partly.stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
  const files = records.filter(({ type, error }) => type === 'file' && error === null);
  expect(files.map(({ file }) => `${file.slice('captures/'.length)}.ndjson`)).toEqual(done);
  expect(records.at(-1).verified).toBe(files.reduce((sum, { verified }) => sum + verified, 0));

  const before = jobs();
  await startHosts();
  await place.run(RECIPE);
  await expectWhole();
  // What the log had as done was not done again.
  expect(jobs().slice(0, before.length)).toEqual(before);
  expect(jobs()).toHaveLength(place.captures);
});

async function startHosts(): Promise<void> {
  hosts = ports.map(port => place.daemon('/usr/sbin/sshd', '-D', '-f', path('sshd.conf'), '-p', `${port}`));
  for (const [i, port] of ports.entries()) await listening(port, hosts[i]!);
}

async function expectWhole(): Promise<void> {
  const { status, stdout, stderr } = await place.merged();
  // Half of the keys are missing.
  expect([status, stderr]).toEqual([3, '']);
  expect(stdout === whole).toBe(true);
}

const jobs = () => readFileSync(path('jobs.log'), 'utf8').trimEnd().split('\n').slice(1);
const hostsOf = (lines: readonly string[]) => lines.map(line => line.split('\t')[1]);
