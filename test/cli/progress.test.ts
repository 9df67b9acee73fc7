/** Progress on a terminal, and Ctrl-C. */
import { expect, it } from 'vitest';
import type { TranscriptRecord } from '../../src/capture/index.js';
import { runCommand } from '../../src/cli/command.js';
import { Progress } from '../../src/cli/progress.js';
import { lines, pcapOf, talk } from '../capture/helpers.js';
import { file } from './run.js';

function shown(terminals: { stdout?: number; stderr?: number }, hasRows: boolean): string {
  let text = '';
  let now = 0;
  const stdout = { write: () => true, ...(terminals.stdout && { columns: terminals.stdout }) };
  const stderr = { write: (it: string) => (text += it), ...(terminals.stderr && { columns: terminals.stderr }) };
  const progress = new Progress({ stdout, stderr }, hasRows, () => now);
  progress.add({ type: 'message', verdict: 'verified' } as TranscriptRecord);
  for (let read = 0; read < 3; read++) {
    progress.read(1e6);
    now += 1999;
  }
  progress.clear();
  return text;
}

it('is shown after two seconds on a terminal without rows, and removed at the end', () => {
  const expected = /^\r\u001b\[K3 MB read, 0 connections, 1 lines verified.*\r\u001b\[K$/;
  expect(shown({ stderr: 80 }, true)).toMatch(expected);
  expect(shown({ stdout: 80, stderr: 80 }, false)).not.toBe('');
});

it('is not shown in a file or a pipe, and not between rows', () => {
  expect(shown({}, true)).toBe('');
  expect(shown({ stdout: 80, stderr: 80 }, true)).toBe('');
});

/** What `verify` gives of a long session, if Ctrl-C comes so often, each time when nothing else is to be done. */
async function interrupted(times: number) {
  const spoken = lines('S: 220 FTP', ...Array.from({ length: 5000 }, () => 'C: NOOP'));
  const recording = file('long.pcap', pcapOf(talk(spoken)));
  let [stdout, stderr] = ['', ''];
  let left = times;
  const interrupt = () => {
    const isRunning = process.listenerCount('SIGINT') > 0;
    if (isRunning) process.emit('SIGINT');
    if (!isRunning || --left > 0) setImmediate(interrupt);
  };
  setImmediate(interrupt);
  const status = await runCommand(['verify', '--json', recording], {
    stdout: { write: text => (stdout += text) },
    stderr: { write: text => (stderr += text) },
  });
  expect([status, stderr]).toEqual([130, 'rfc2228: interrupted; the rest was not read\n']);
  const records = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
  const { type, messages } = records.at(-1);
  expect(type).toBe('summary');
  expect(records.filter(({ type }) => type === 'message')).toHaveLength(messages);
  return messages;
}

it('after Ctrl-C in the first pass, what was read until then is verified, and the exit status is 130', async () => {
  const messages = await interrupted(1);
  expect(messages).toBeGreaterThan(1000);
  expect(messages).toBeLessThan(5001);
});

it('after Ctrl-C again, what was verified until then is whole, with its summary', async () => {
  const messages = await interrupted(2);
  expect(messages).toBeGreaterThan(100);
  expect(messages).toBeLessThan(2000);
});
