/** `rfc2228 fuzz --only data` over sockets: conforming peers show nothing, and what bad ones do is found, made small and replayed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type DataFaults, LOOPBACK, serveData, visitData } from '../../fuzz/data-peers.js';
import { against, findings, folder, KEY_FILE, PSK, records, rfc2228, toClient } from './command.js';
import { type Listener, listening, visiting } from './peers.js';

const DATA = ['--only', 'data', '--json'];

function dataServer(faults?: DataFaults): Promise<Listener> {
  return listening(socket => serveData(socket, LOOPBACK, faults));
}

describe('fuzz server --only data', () => {
  it('shows nothing of a valid one', async () => {
    const ran = await against(dataServer(), where => rfc2228(['server', where, ...PSK, ...DATA, '--cases', '90']));
    expect([ran.status, ran.stderr, findings(ran)]).toEqual([0, '', []]);
    const { outcomes } = records(ran).at(-1);
    expect(outcomes.refused).toBeGreaterThan(50);
    expect(outcomes.accepted).toBeGreaterThan(5);
    expect(outcomes.unready).toBeUndefined();
  });

  it('finds, makes small, and replays what a bad one takes', async () => {
    const out = join(folder, 'data-server');
    const faults: DataFaults = { takesTruncated: true, takesReplays: true, takesLower: true };
    await against(dataServer(faults), async where => {
      const args = ['--cases', '90', '--out', out, '--level', 'private'];
      const ran = await rfc2228(['server', where, ...PSK, ...DATA, ...args]);
      expect([ran.status, ran.stderr]).toEqual([1, '']);
      const found = findings(ran).map(({ finding, name }) => `${finding}: ${name}`);
      expect(found).toContain('truncated data accepted: data: no end');
      expect(found).toContain('truncated data accepted: data: half a block');
      expect(found).toContain('replay accepted: data: a block comes twice');
      expect(found).toContain('lower level accepted: data: a block that is not sealed, where private is required');

      const file = join(out, 'server-data-no-end-safe.json');
      const { case: one, sent } = JSON.parse(readFileSync(file, 'utf8'));
      expect(one).toMatchObject({ layer: 'data', to: 'server', level: 'safe', choices: [] });
      expect(sent.length).toBe(3);
      const replay = ['--replay', file, '--json', '--out', join(folder, 'again')];
      const again = await rfc2228(['server', where, ...PSK, ...replay]);
      expect([again.status, findings(again).map(it => it.finding)]).toEqual([1, ['truncated data accepted']]);
      const valid = await against(dataServer(), other => rfc2228(['server', other, ...PSK, ...replay]));
      expect([valid.status, findings(valid)]).toEqual([0, []]);
    });
  });

  it('passes over a server that takes no files, and says why', async () => {
    const none: DataFaults = { takesNothing: true };
    const ran = await against(dataServer(none), where => rfc2228(['server', where, ...PSK, ...DATA, '--cases', '4']));
    expect([ran.status, findings(ran)]).toEqual([0, []]);
    const cases = records(ran).filter(({ type }) => type === 'case');
    expect(cases.map(({ outcome }) => outcome)).toEqual(Array(4).fill('skipped'));
    expect(cases[0].detail).toBe('STOR is refused by 553');
    expect(cases[3].detail).toBe('a valid STOR is refused by 553');
  });
});

describe('fuzz client --only data', () => {
  const dataClient = (faults?: DataFaults) => (port: number) =>
    visiting(port, socket => visitData(socket, LOOPBACK, faults));
  const LEVEL = ['--level', 'private'];

  it('shows nothing of a valid one', async () => {
    const ran = await toClient(dataClient(), [...DATA, ...LEVEL, '--cases', '60']);
    expect([ran.status, findings(ran)]).toEqual([0, []]);
    const { outcomes } = records(ran).at(-1);
    expect(outcomes.closed).toBeGreaterThan(40);
    expect(outcomes.accepted).toBeGreaterThan(2);
    expect(outcomes.unready).toBeUndefined();
  });

  it('finds, makes small, and replays what a bad one takes', async () => {
    const faults: DataFaults = { takesTruncated: true, takesReplays: true, takesLower: true };
    const out = join(folder, 'data-client');
    const ran = await toClient(dataClient(faults), [...DATA, ...LEVEL, '--cases', '60', '--out', out]);
    const found = findings(ran).map(({ finding, name }) => `${finding}: ${name}`);
    expect(found).toContain('truncated data accepted: data: no end');
    expect(found).toContain('replay accepted: data: a block comes twice');
    expect(found).toContain('lower level accepted: data: a block that is not sealed, where private is required');

    const file = join(out, 'client-data-half-a-block-private.json');
    const { case: one } = JSON.parse(readFileSync(file, 'utf8'));
    expect(one).toMatchObject({ layer: 'data', to: 'client', choices: [] });
    const replay = ['--replay', file, '--json', '--out', join(folder, 'again')];
    const again = await toClient(dataClient(faults), replay);
    expect([again.status, findings(again).map(it => it.finding)]).toEqual([1, ['truncated data accepted']]);
    const valid = await toClient(dataClient(), replay);
    expect([valid.status, findings(valid)]).toEqual([0, []]);
  });

  it.each<[string, string[]]>([
    ['', []],
    [
      'lax',
      ['no end', 'nothing at all', 'half a length', 'half a block'].map(it => `truncated data accepted: data: ${it}`),
    ],
  ])('is told by what a client prints that goes on whatever comes: %s', async (habit, expected) => {
    const client = fileURLToPath(new URL('listing-client.mjs', import.meta.url));
    const exec = ['--exec', `exec ${process.execPath} ${client} ${KEY_FILE} $PORT ${habit}`];
    const args = [
      ...PSK,
      ...DATA,
      ...LEVEL,
      ...exec,
      '--limit',
      '10000',
      '--cases',
      '21',
      '--out',
      join(folder, `listing-${habit}`),
    ];
    const ran = await rfc2228(['client', '--listen', '0', ...args]);
    expect(ran.stderr).toBe('');
    expect(findings(ran).map(({ finding, name }) => `${finding}: ${name}`)).toEqual(expected);
    const kinds = records(ran).flatMap(it => (it.type === 'case' ? [it.outcome] : []));
    expect(new Set(kinds)).toEqual(new Set(['accepted', 'refused']));
  });

  it.each(['4', '5'])('shows nothing where replies about data connections are mutated: --at %s', async at => {
    const layers = ['inner', 'level', 'sequence', 'phases'].flatMap(layer => ['--only', layer]);
    const ran = await toClient(dataClient(), ['--json', ...layers, '--at', at, '--cases', '60']);
    expect([ran.status, findings(ran)]).toEqual([0, []]);
    expect(records(ran).at(-1).outcomes.closed).toBeGreaterThan(10);
  });

  it('finds what a bad one sends', async () => {
    const ran = await toClient(dataClient({ sendsNoEnd: true }), [...DATA, ...LEVEL, '--cases', '3']);
    expect(findings(ran).map(({ finding, name }) => `${finding}: ${name}`)).toEqual([
      'bad data given: data: valid blocks',
    ]);
  });
});
