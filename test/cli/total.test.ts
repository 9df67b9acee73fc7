/** The exit status of a recording, by its records. */
import { expect, it } from 'vitest';
import type { TranscriptRecord } from '../../src/capture/index.js';
import { Total } from '../../src/cli/total.js';

function statusOf(record: object): number {
  const total = new Total(({ rule }) => rule === 'chosen');
  const file = total.begin('a.pcap');
  file.add(record as TranscriptRecord);
  total.end(file, { faults: [], unusedPorts: [] });
  return total.status;
}

const error = { code: 'syntax/bad-line', message: '' };

it.each([
  [{ type: 'message', verdict: 'verified', error: null }, 0],
  [{ type: 'message', verdict: 'verified', error }, 1],
  [{ type: 'message', verdict: 'decrypted', error: null }, 3],
  [{ type: 'message', verdict: 'unkeyed', error: null }, 3],
  [{ type: 'data', verdict: 'verified', whole: true, error: null }, 0],
  [{ type: 'data', verdict: 'verified', whole: false, error }, 1],
  [{ type: 'data', verdict: 'verified', whole: false, error: null }, 3],
  [{ type: 'data', verdict: 'decrypted', whole: true, error: null }, 3],
  [{ type: 'connection', mechanism: 'GSSAPI', keyed: true, problem: null }, 0],
  [{ type: 'connection', mechanism: 'GSSAPI', keyed: false, problem: null }, 3],
  [{ type: 'connection', mechanism: null, keyed: false, problem: error }, 3],
  [{ type: 'finding', rule: 'chosen' }, 1],
  [{ type: 'finding', rule: 'other' }, 0],
  [{ type: 'summary', connections: 1, unread: {} }, 0],
  [{ type: 'summary', connections: 0, unread: {} }, 3],
  [{ type: 'summary', connections: 1, unread: { 'link type 195': 1 } }, 3],
])('of %j is %i', (record, status) => {
  expect(statusOf(record)).toBe(status);
});
