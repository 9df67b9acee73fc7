/** The transcript as the page shows it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { verifyRecording } from '../../../src/capture/index.js';
import schema from '../../../src/capture/transcript.schema.json' with { type: 'json' };
import { krb5, parseKeytab } from '../../../src/mechanisms/krb5/index.js';
import { decodeMessage } from '../../../src/page/model/decode.js';
import { applyFilter, formatAddress, NO_FILTER, parseAddress } from '../../../src/page/model/filter.js';
import { type Report, reportOf } from '../../../src/page/model/report.js';
import { rowsOf } from '../../../src/page/model/rows.js';
import { textOf } from '../../../src/page/model/text.js';
import { timelineOf } from '../../../src/page/model/timeline.js';
import { readTranscript } from '../../../src/page/model/transcript-lines.js';
import { realCapture, vectorPath } from '../../capture/helpers.js';

const NAME = 'probe-ftpd-aes256-sha1';
const keys = parseKeytab(readFileSync(vectorPath(`${NAME}.keytab`)));
const { records } = verifyRecording(realCapture(NAME), { mechanisms: [krb5({ observer: { keys } })] });
const ndjson = records.map(record => JSON.stringify(record)).join('\n');

describe('reading a transcript', () => {
  const shown = records.filter(({ type }) => type !== 'reply');

  it('takes every record of a real one but replies', () => {
    expect(readTranscript(ndjson)).toEqual({ records: shown, unreadable: 0 });
  });

  it('skips what is not a record, and counts it', () => {
    const bad = [
      '{',
      'null',
      '[]',
      '7',
      '{"type":"constructor"}',
      '{"type":"message"}',
      '{"type":"other","connection":1}',
    ];
    expect(readTranscript(`${bad.join('\n')}\n\n${ndjson}\n`)).toEqual({ records: shown, unreadable: bad.length });
  });

  it('refuses a record with a field of another type, whichever field the page shows', () => {
    for (const type of ['connection', 'message', 'data', 'finding', 'summary'] as const) {
      const record = shown.find(it => it.type === type)!;
      const { required } = schema.oneOf.find(it => it.properties.type.const === type)!;
      const ignored = ['type', 'plain_hex', 'found_by', 'data_connections'];
      for (const name of required.filter(field => !ignored.includes(field))) {
        const line = JSON.stringify({ ...record, [name]: [{ a: 1 }] });
        expect(readTranscript(line), `${type} ${name}`).toEqual({ records: [], unreadable: 1 });
      }
    }
  });
});

describe('the report', () => {
  const report = reportOf(records);
  const itemsIn = (shown: ReturnType<typeof applyFilter>) => shown.flatMap(({ items }) => items);
  const filtered = (given: Partial<typeof NO_FILTER>, of: Report = report) =>
    itemsIn(applyFilter(of, { ...NO_FILTER, ...given })).map(({ record }) => record);

  it('has each connection with its lines and transfers in their order, and the findings at their lines', () => {
    expect(report.connections.map(({ number }) => number)).toEqual([1, 2]);
    const lines = records.filter(({ type }) => type === 'message' || type === 'data');
    expect(itemsIn(applyFilter(report, NO_FILTER)).map(({ record }) => record)).toEqual(expect.arrayContaining(lines));
    expect(rowsOf(applyFilter(report, NO_FILTER)).length).toBe(lines.length + 2);
    for (const { finding, keys } of report.findings) {
      if (finding.messages.length > 0) {
        expect(keys).toEqual(finding.messages.map(index => `${finding.connection}.${index}`));
      }
    }
  });

  it('begins with the most severe findings', () => {
    const severities = report.findings.map(({ finding }) => finding.severity);
    expect(severities).toEqual([...severities].sort((a, b) => 'hml'.indexOf(a[0]!) - 'hml'.indexOf(b[0]!)));
    expect(new Set(severities).size).toBeGreaterThan(1);
  });

  it('is filtered by each field', () => {
    const lines = records.filter(record => record.type === 'message');
    const { rule, messages, connection } = records.find(record => record.type === 'finding')!;
    expect(filtered({ verdict: 'failed' }).length).toBe(15);
    expect(filtered({ connection: '2' })).toEqual(lines.filter(line => line.connection === 2));
    expect(filtered({ side: 'client', level: 'safe' })).toEqual(
      lines.filter(({ from, level }) => from === 'client' && level === 'safe'),
    );
    expect(filtered({ code: 'user' }).length).toBe(lines.filter(({ text }) => text?.startsWith('USER')).length);
    expect(filtered({ code: '535' }).length).toBe(lines.filter(({ text }) => text?.startsWith('535')).length);
    expect(filtered({ rule })).toContainEqual(expect.objectContaining({ connection, index: messages[0] }));
    expect(filtered({ rule: 'error' })).toEqual(lines.filter(({ error }) => error !== null));
    expect(filtered({ text: 'CHECKSUM' }).length).toBeGreaterThan(0);
    expect(filtered({ text: 'no such text' })).toEqual([]);
  });

  it('does without records of connections, and without an end', () => {
    const { connections, summary } = reportOf(records.filter(({ type }) => type === 'message'));
    expect([connections.length, summary]).toEqual([2, undefined]);
  });
});

describe('the address', () => {
  it('keeps the filter and the line, and nothing that is not restricted', () => {
    const address = { filter: { ...NO_FILTER, verdict: 'failed', text: 'a&b=c #"<' }, line: '1.12' };
    expect(parseAddress(formatAddress(address))).toEqual(address);
    expect(formatAddress({ filter: NO_FILTER, line: '' })).toBe('#');
    expect(parseAddress('#nothing=known&__proto__=x')).toEqual({ filter: NO_FILTER, line: '' });
  });
});

describe('the anatomy of a line', () => {
  const messages = records.filter(record => record.type === 'message');

  it('describes the token of every protected line that has one', () => {
    const sealed = messages.filter(({ applied }) => applied !== null);
    expect(sealed.length).toBe(186);
    for (const message of sealed) {
      expect(decodeMessage(message)).toMatchObject({
        level: message.level,
        token: { description: { kind: expect.stringMatching(/wrap|mic/) } },
      });
    }
  });

  it('is not known without the token', () => {
    expect(decodeMessage({ ...messages.find(({ level }) => level === 'safe')!, token: null })).toBeUndefined();
  });
});

it('shows controls and bidirectional marks of a recording as escapes', () => {
  const [line] = records.filter(record => record.type === 'message');
  expect(textOf({ ...line!, text: 'a\u001b[31m\u202eb\r\n' })).toBe('a\\u{1b}[31m\\u{202e}b');
});

describe('the timeline', () => {
  const { connections } = reportOf(records);

  it('has a lane for each connection, from its first line to its last, and few marks', () => {
    const { from, to, lanes } = timelineOf(connections, 50)!;
    const times = records.flatMap(record => (record.type === 'message' ? [record.time!] : [])).sort();
    expect([from, to]).toEqual([times[0], times.at(-1)]);
    expect(lanes.map(({ number }) => number)).toEqual([1, 2]);
    expect(lanes[0]!.begin).toBe(0);
    expect(Math.max(...lanes.map(({ end }) => end))).toBe(1);
    for (const { lines } of lanes) {
      expect(lines.length).toBeLessThan(51 * 5);
      expect(new Set(lines.map(({ at, verdict }) => `${at} ${verdict}`)).size).toBe(lines.length);
    }
  });

  it('marks a line with an error, also if its token is verified', () => {
    const wrong = records.find(it => it.type === 'message' && it.verdict === 'verified' && it.error !== null)!;
    const other = { ...wrong, time: '2026-01-01T00:00:00.000000Z', index: 999_999 } as typeof wrong;
    const { lanes } = timelineOf(reportOf([wrong, other]).connections, 10)!;
    expect(lanes[0]!.lines.map(({ at, verdict }) => [at, verdict])).toEqual([
      [1, 'failed'],
      [0, 'failed'],
    ]);
  });

  it('needs times', () => {
    const timeless = records.map(record => ('time' in record ? { ...record, time: null } : record));
    expect(timelineOf(reportOf(timeless).connections, 10)).toBeUndefined();
    expect(timelineOf([], 10)).toBeUndefined();
  });
});
