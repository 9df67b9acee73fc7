/** A job array of Slurm on a cluster of one node, with daemons of its own on 127.0.0.1. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { isWhole, recipe, verifiedAtOnce, Workplace } from './machines.js';
import { freePort } from './realm.js';

const SUBMIT = recipe('sbatch --wait');
const place = new Workplace();
const path = (name: string) => join(place.folder, name);
const whole = verifiedAtOnce(place);

beforeAll(async () => {
  for (const name of ['munge', 'state', 'spool']) mkdirSync(path(name));
  chmodSync(place.folder, 0o755);
  place.write('munge/key', randomBytes(96).toString('hex'), 0o600);
  place.write('verify.sbatch', recipe('SLURM_ARRAY_TASK_ID'));
  const node = hostname().split('.')[0]!;
  const configuration = {
    ClusterName: 'test',
    SlurmctldHost: `${node}(127.0.0.1)`,
    SlurmUser: 'root',
    SlurmdUser: 'root',
    AuthType: 'auth/munge',
    AuthInfo: `socket=${path('munge/socket')}`,
    CommunicationParameters: 'NoCtldInAddrAny,NoInAddrAny',
    SlurmctldPort: await freePort(),
    SlurmdPort: await freePort(),
    StateSaveLocation: path('state'),
    SlurmdSpoolDir: path('spool'),
    SlurmctldPidFile: path('slurmctld.pid'),
    SlurmdPidFile: path('slurmd.pid'),
    SlurmctldLogFile: path('slurmctld.log'),
    SlurmdLogFile: path('slurmd.log'),
    ProctrackType: 'proctrack/linuxproc',
    TaskPlugin: 'task/none',
    JobAcctGatherType: 'jobacct_gather/none',
    SwitchType: 'switch/none',
    MpiDefault: 'none',
    ReturnToService: 2,
    SchedulerParameters: 'sched_interval=1',
    SelectType: 'select/cons_tres',
    SelectTypeParameters: 'CR_CPU',
    NodeName: `${node} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN`,
    PartitionName: `all Nodes=${node} Default=YES MaxTime=INFINITE State=UP`,
  };
  const lines = Object.entries(configuration).map(([name, value]) => `${name}=${value}\n`);
  place.environment['SLURM_CONF'] = place.write('slurm.conf', lines.join(''));
  const files = ['pid', 'log', 'seed'].map(name => `--${name}-file=${path(`munge/${name}`)}`);
  const secret = [`--key-file=${path('munge/key')}`, `--socket=${path('munge/socket')}`];
  place.daemon('munged', '--force', '--foreground', ...secret, ...files);
  await until(() => execFileSync('munge', ['-n', '-S', path('munge/socket')], { stdio: 'ignore' }));
  place.daemon('slurmctld', '-D');
  place.daemon('slurmd', '-D');
  await until(() => {
    const states = execFileSync('sinfo', ['-h', '-o', '%T'], {
      env: place.environment,
      encoding: 'utf8',
      stdio: 'pipe',
    });
    if (states.trim() !== 'idle') throw new Error(states);
  });
});

beforeEach(() => rmSync(path('results'), { recursive: true, force: true }));

afterAll(() => place.close());

it('an array job gives what one run gives', async () => {
  const { status, stdout } = await place.run(SUBMIT);
  expect(status).toBe(3);
  expect(stdout).toMatch(/^captures\/0-0\.pcap: status 0; /m);
  await expectWhole();
});

it('an array job that was killed half-way is unfinished, and does the rest when it is submitted again', async () => {
  mkdirSync(path('results'));
  const run = place.begin(SUBMIT.slice(0, SUBMIT.lastIndexOf('rfc2228')));
  await place.halfWay();
  await place.run('scancel --signal=KILL --full --me; scancel --me');
  await run.ended;
  await until(() => {
    const jobs = execFileSync('squeue', ['-h'], { env: place.environment, encoding: 'utf8', stdio: 'pipe' });
    if (jobs !== '') throw new Error(jobs);
  });
  const results = place.results();
  const done = [...results].filter(([, result]) => isWhole(result)).map(([name]) => name);
  expect(done.length).toBeLessThan(place.captures);
  const partly = await place.merged();
  expect(partly.status).toBe(3);
  expect(partly.stderr).toContain(`unfinished: ${results.size - done.length} of ${results.size} recordings`);

  await place.run(SUBMIT);
  await expectWhole();
});

async function expectWhole(): Promise<void> {
  const { status, stdout, stderr } = await place.merged();
  // Half of the keys are missing.
  expect([status, stderr]).toEqual([3, '']);
  expect(stdout === whole).toBe(true);
}

/** Until it does not throw. */
async function until(check: () => void): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return check();
    } catch (error) {
      if (tries === 300) throw error;
      await sleep(200);
    }
  }
}
