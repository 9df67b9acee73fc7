/**
 * `npm run bench:verify`: the time and memory of `rfc2228 verify` beside `tshark -q -z conv,tcp`, which decrypts nothing.
 * Both run in turn on the same captures. Time by the clock, processor time of the user, peak memory as the system counts it.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { captures } from './captures.js';
import { CaptureWriter } from './generator.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { megabytes: { type: 'string', default: '1000' }, connections: { type: 'string', default: '1000000' } },
});

interface Cost {
  elapsed: number;
  user: number;
  megabytes: number;
}

/** Runs a command with its output thrown away. @returns undefined if it can't be started */
function costOf(command: string, args: readonly string[]): Cost | undefined {
  const time = ['-f', '%e %U %M', command, ...args];
  const { stderr, error } = spawnSync('/usr/bin/time', time, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
  const measured = /^([\d.]+) ([\d.]+) (\d+)$/m.exec(stderr ?? '');
  if (error !== undefined || measured === null || /^\/usr\/bin\/time: cannot run/m.test(stderr)) return undefined;
  return { elapsed: Number(measured[1]), user: Number(measured[2]), megabytes: Number(measured[3]) / 1024 };
}

const WIDTH = 26;
const show = (cost: Cost | undefined) =>
  cost === undefined
    ? 'not there'.padStart(WIDTH)
    : `${cost.elapsed.toFixed(2).padStart(7)} ${cost.user.toFixed(2).padStart(7)} s ${cost.megabytes.toFixed(0).padStart(5)} MB`;

const folder = mkdtempSync(join(tmpdir(), 'rfc2228-bench-'));
try {
  console.log(`${''.padEnd(40)} ${'rfc2228'.padStart(WIDTH)} ${'tshark'.padStart(WIDTH)}`);
  for (const { name, make } of captures(Number(values.megabytes), Number(values.connections))) {
    if (!positionals.every(word => name.includes(word))) continue;
    const [file, keytab] = [join(folder, 'capture.pcap'), join(folder, 'service.keytab')];
    const writer = new CaptureWriter(file);
    await make(writer, keytab);
    writer.close();
    const keys = name.includes('private') ? ['--keytab', keytab] : [];
    const ours = costOf(process.execPath, ['dist/cli/main.js', 'verify', file, '--summary', ...keys]);
    const tshark = costOf('tshark', ['-r', file, '-q', '-z', 'conv,tcp']);
    console.log(`${name.padEnd(40)} ${show(ours)} ${show(tshark)}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
