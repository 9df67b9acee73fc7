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

it('after Ctrl-C what was read is whole, with its summary, and the exit status is 130', async () => {
  const spoken = lines('S: 220 FTP', ...Array.from({ length: 5000 }, () => 'C: NOOP'));
  const recording = file('long.pcap', pcapOf(talk(spoken)));
  let stdout = '';
  let errors = '';
  const output = { write: (text: string) => (stdout += text) };
  const interrupting = setInterval(() => process.listenerCount('SIGINT') > 0 && process.emit('SIGINT'), 1);
  const status = await runCommand(['verify', '--json', recording], {
    stdout: output,
    stderr: { write: text => (errors += text) },
  });
  clearInterval(interrupting);
  expect([status, errors]).toEqual([130, 'rfc2228: interrupted; the rest was not read\n']);
  const records = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
  expect(records.at(-1).type).toBe('summary');
  const messages = records.filter(({ type }) => type === 'message').length;
  expect(messages).toBe(records.at(-1).messages);
  expect(messages).toBeGreaterThan(100);
  expect(messages).toBeLessThan(5001);
});
