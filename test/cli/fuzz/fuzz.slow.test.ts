/** `rfc2228 fuzz server` and `client` as processes: conforming peers show nothing, and what bad ones do is found and replayed. */
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { pskAcceptor, pskInitiator } from '../../../src/mechanisms/psk/index.js';
import { against, findings, folder, KEY_FILE, PSK, records, rfc2228, titles, toClient } from './command.js';
import { badClient, badServer, conformingClient, conformingServer, KEY, listening, type Sides } from './peers.js';

const OTHER_KEY: Sides = {
  mechanism: 'X-PSK',
  acceptor: () => pskAcceptor({ key: KEY.map(octet => octet ^ 1) }),
  initiator: () => pskInitiator({ key: KEY }),
};
const emptyFolder = () => mkdtempSync(join(folder, 'empty-'));

/** It answers everything in the same way, or ends the connection. */
function plainServer(answer?: string) {
  return listening(async socket => {
    socket.write('220 Ready\r\n');
    for await (const _ of socket) {
      if (answer === undefined) return void socket.end();
      socket.write(`${answer}\r\n`);
    }
  });
}

describe('fuzz server', () => {
  it('shows nothing of a server on ServerControl', async () => {
    const ran = await against(conformingServer(), where =>
      rfc2228(['server', where, ...PSK, '--cases', '400', '--json']),
    );
    expect(findings(ran)).toEqual([]);
    expect([ran.status, ran.stderr]).toEqual([0, '']);
    const summary = records(ran).at(-1);
    expect(summary).toMatchObject({ type: 'summary', cases: 400, findings: 0 });
    expect(summary.outcomes.refused).toBeGreaterThan(100);
    expect(summary.outcomes.accepted).toBeGreaterThan(25);
    expect(summary.outcomes.unready).toBeUndefined();
  });

  it('finds, makes small, and replays what a bad one takes', async () => {
    const out = join(folder, 'server');
    await against(badServer(), async where => {
      const layers = ['phases', 'sequence', 'level'].flatMap(layer => ['--only', layer]);
      const ran = await rfc2228(['server', where, ...PSK, ...layers, '--cases', '250', '--json', '--out', out]);
      expect([ran.status, ran.stderr]).toEqual([1, '']);
      const found = titles(ran);
      expect(found).toContain('clear text accepted: phases: USER in the clear');
      expect(found).toContain('replay accepted: sequence: a message comes again');
      expect(found).toContain('lower level accepted: level: private is claimed, and the token is not sealed');
      expect(found).toContain('clear text accepted: level: the text comes in the clear');

      const file = join(out, 'server-sequence-a-message-comes-again-safe.json');
      expect(readdirSync(out)).toContain('server-sequence-a-message-comes-again-safe.json');
      const { case: one, sent, finding } = JSON.parse(readFileSync(file, 'utf8'));
      expect(one).toMatchObject({ choices: [], text: 'NOOP\r\n', level: 'safe' });
      expect(finding).toBe('replay accepted');
      expect(sent.length).toBe(1);
      const again = await rfc2228([
        'server',
        where,
        ...PSK,
        '--replay',
        file,
        '--json',
        '--out',
        join(folder, 'again'),
      ]);
      expect(again.status).toBe(1);
      expect(findings(again).map(it => it.finding)).toEqual(['replay accepted']);
      const valid = await against(conformingServer(), other =>
        rfc2228(['server', other, ...PSK, '--replay', file, '--json', '--out', join(folder, 'again')]),
      );
      expect([valid.status, findings(valid)]).toEqual([0, []]);
    });
  });
});

describe('fuzz server', () => {
  it('mutates the exchange of a conforming server, replays on a second connection among it, and finds nothing', async () => {
    const args = ['--only', 'exchange', '--cases', '150', '--json'];
    const ran = await against(conformingServer(), where => rfc2228(['server', where, ...PSK, ...args]));
    expect([ran.status, findings(ran)]).toEqual([0, []]);
    const again = records(ran).find(({ name }) => name === 'a confirmation comes again');
    expect(again).toMatchObject({ layer: 'exchange', outcome: 'refused', code: 535 });
    expect(records(ran).at(-1).outcomes.accepted).toBeGreaterThan(10);
  });

  it('reports a server that hangs', async () => {
    const args = ['--only', 'base64', '--cases', '1', '--limit', '500', '--json', '--out', join(folder, 'hung')];
    const ran = await against(badServer('hangs'), where => rfc2228(['server', where, ...PSK, ...args]));
    expect(findings(ran)).toMatchObject([{ finding: 'hung', case: { layer: 'base64' } }]);
  });

  it('finds one that serves a session, and then is gone', async () => {
    const server = await conformingServer();
    const dying = listening(async socket => {
      // The first connection is passed on; the second is answered, and is the last.
      if (server.port > 0 && !isServed) {
        isServed = true;
        const inner = connect(server.port, '127.0.0.1');
        socket.pipe(inner).pipe(socket);
        return;
      }
      socket.write('220 Ready\r\n');
      await once(socket, 'data');
      socket.end('501 What?\r\n', async () => (await dying).close());
    });
    let isServed = false;
    const args = ['--only', 'phases', '--cases', '1', '--json', '--out', join(folder, 'gone')];
    const ran = await against(dying, where => rfc2228(['server', where, ...PSK, ...args]));
    server.close();
    expect(titles(ran)).toEqual([
      'crashed: phases: AUTH without a mechanism',
      'connection cut: phases: AUTH without a mechanism',
    ]);
    expect(findings(ran)[0]).toMatchObject({ must: 'answers 501', severity: 'high' });
    expect(ran.status).toBe(1);
  });

  it.each([
    ['closes', 'closed (ends the connection where a reply is due)'],
    ['dies', 'refused 501 (answers 501, and then ends the connection)'],
  ] as const)('finds a connection that %s behind a bad line, though the server goes on', async (onBadLine, outcome) => {
    const args = ['--only', 'base64', '--cases', '1', '--json', '--out', join(folder, onBadLine)];
    const ran = await against(badServer(onBadLine), where => rfc2228(['server', where, ...PSK, ...args]));
    expect(findings(ran)).toMatchObject([{ finding: 'connection cut', severity: 'medium', outcome }]);
    expect(findings(ran)[0].sent.length).toBeGreaterThan(0);
  });

  it('takes another command than NOOP to see whether a server lives, where it has no NOOP', async () => {
    const args = ['--cases', '60', '--json', '--out', join(folder, 'noop')];
    const poor = conformingServer(undefined, { NOOP: [502, 'Not implemented'] });
    const ran = await against(poor, where => rfc2228(['server', where, ...PSK, ...args]));
    expect([ran.status, ran.stderr, findings(ran)]).toEqual([0, '', []]);
    expect(records(ran).at(-1).outcomes.unready).toBeUndefined();
  });

  it.each([
    ['knows no AUTH', plainServer('502 Not implemented'), 'AUTH X-PSK is answered by 502 Not implemented'],
    ['does not know the mechanism', plainServer('504 No such mechanism'), 'AUTH X-PSK is answered by 504'],
    ['ends the connection', plainServer(), 'the server ends the connection after a valid line'],
    ['has another key', conformingServer(OTHER_KEY), 'the valid session fails: security/'],
    ['greets with 421', listening(async socket => void socket.end('421 Too many\r\n')), 'greets with 421 Too many'],
  ])('plays no case to a server that %s, and says why', async (_, server, reason) => {
    const { status, stdout, stderr } = await against(server, where => rfc2228(['server', where, ...PSK]));
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^rfc2228: the target can't be tested: [^\n]+\n$/);
    expect(stderr).toContain(reason);
  });

  it('shows what a server says that does not start', async () => {
    const args = ['--exec', 'echo no realm is there >&2; exit 3', '--limit', '500'];
    const { status, stderr } = await rfc2228(['server', '127.0.0.1:1', ...PSK, ...args]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/ECONNREFUSED.*; it says: no realm is there$/m);
  });

  it('gives its totals when it is interrupted', async () => {
    const args = ['--time', '40', '--json', '--out', join(folder, 'interrupted')];
    const ran = await against(conformingServer(), where =>
      rfc2228(['server', where, ...PSK, ...args], undefined, { after: 2500 }),
    );
    expect([ran.status, ran.stderr]).toEqual([0, '']);
    expect(records(ran).at(-1)).toMatchObject({ type: 'summary', findings: 0, gone: false });
    expect(records(ran).at(-1).seconds).toBeLessThan(20);
  });

  it('replays a folder', async () => {
    const args = ['--only', 'level', '--cases', '8', '--json', '--out', join(folder, 'many')];
    await against(badServer(), async where => {
      const found = titles(await rfc2228(['server', where, ...PSK, ...args]));
      expect(found.length).toBeGreaterThan(1);
      const replay = ['--replay', join(folder, 'many'), '--json', '--out', join(folder, 'again')];
      expect(titles(await rfc2228(['server', where, ...PSK, ...replay])).sort()).toEqual(found.sort());
    });
    const { status, stderr } = await rfc2228(['server', '127.0.0.1:1', ...PSK, '--replay', emptyFolder()]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('no reproducer is in this folder')]);
  });

  it('shows people a table with its legend, and each finding as it comes', async () => {
    const args = ['--only', 'level', '--cases', '8', '--out', join(folder, 'shown')];
    const { status, stdout } = await against(badServer(), where => rfc2228(['server', where, ...PSK, ...args]));
    expect(status).toBe(1);
    expect(stdout).toMatch(
      /^lower level accepted {2}level: private is claimed, and the token is not sealed \(RFC 2228 §3, MIC, CONF and ENC; §5\.2\), high$/m,
    );
    expect(stdout).toMatch(/^layer +accepted +refused/m);
    expect(stdout).toMatch(/^level +6 +2 +0 +0 +0 +0 +0 +0$/m);
    expect(stdout).toMatch(/^ {2}ignored +no reaction, and the peer still works$/m);
    expect(stdout).toMatch(
      /^8 cases in [\d.]+ s \(\d+\/s\) from seed 2228, 3 findings \(3 high, 0 medium, 0 low\), in .*shown\/$/m,
    );
  });

  it.each([
    ['no target', [], 'needs one HOST:PORT'],
    ['no port', ['localhost'], '"localhost" is not HOST:PORT'],
    ['a target elsewhere', ['192.0.2.1:21', ...PSK], '192.0.2.1 is not this host'],
    ['no mechanism', ['127.0.0.1:1'], '--mechanism must be one of krb5, gsi, krb4, psk'],
    ['an unknown mechanism', ['127.0.0.1:1', '--mechanism', 'toString'], '--mechanism must be one of'],
    ['no key', ['127.0.0.1:1', '--mechanism', 'psk'], '--key'],
    ['no tickets', ['127.0.0.1:1', '--mechanism', 'krb5'], '--ccache'],
    ['an unknown layer', ['127.0.0.1:1', ...PSK, '--only', 'moon'], '--only must be one of octets'],
    ['no case for a server', ['127.0.0.1:1', ...PSK, '--only', 'outer'], 'no case of outer is for a server'],
    ['an unknown level', ['127.0.0.1:1', ...PSK, '--level', 'high'], '--level must be safe or private'],
    ['a rate of zero', ['127.0.0.1:1', ...PSK, '--rate', '0'], '--rate must be a whole number from 1'],
    ['no reproducer', ['127.0.0.1:1', ...PSK, '--replay', KEY_FILE], 'syntax/bad-file'],
    ['an option of the other side', ['127.0.0.1:1', ...PSK, '--at', '2'], "Unknown option '--at'"],
    ['no listener', ['127.0.0.1:1', ...PSK], "can't be tested: connect ECONNREFUSED"],
  ])('says that there is %s', async (_, args, complaint) => {
    const { status, stdout, stderr } = await rfc2228(['server', ...args]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^rfc2228: [^\n]+\n$/);
    expect(stderr).toContain(complaint);
  });
});

describe('fuzz client', () => {
  it('ends in time, though no client comes', async () => {
    const began = Date.now();
    const { status, stderr } = await rfc2228(['client', '--listen', '0', ...PSK, '--time', '1']);
    expect([status, Date.now() - began < 20_000]).toEqual([2, true]);
    expect(stderr).toContain("the target can't be tested: no client has come");
  });

  it('mutates the reply that the client prints, and says which', async () => {
    const client = fileURLToPath(new URL('status-client.mjs', import.meta.url));
    const exec = ['--exec', `exec ${process.execPath} ${client} ${KEY_FILE} $PORT PWD`, '--limit', '10000'];
    const args = ['--only', 'level', '--level', 'safe', '--cases', '2', '--out', join(folder, 'shows')];
    const ran = await rfc2228(['client', '--listen', '0', ...PSK, ...exec, ...args, '--json']);
    expect(records(ran)[0]).toEqual({ type: 'target', at: 3, command: 'safe PWD', shownBy: 'text' });
    expect(
      records(ran)
        .slice(1, -1)
        .every(({ outcome }) => outcome !== 'skipped'),
    ).toBe(true);
    const { stderr } = await rfc2228(['client', '--listen', '0', ...PSK, ...exec, ...args]);
    expect(stderr).toBe('rfc2228: mutating the reply to protected command 3 (safe PWD): the client prints it\n');
  });

  it('mutates a reply that changes what the client sends next, where it prints none', async () => {
    const ran = await toClient(conformingClient, ['--only', 'grammar', '--cases', '2', '--json']);
    expect(records(ran)[0]).toEqual({ type: 'target', at: 1, command: 'private PBSZ', shownBy: 'next command' });
  });

  it('starts a client for each case, and sees how it ends and what it prints', async () => {
    const client = fileURLToPath(new URL('started-client.mjs', import.meta.url));
    const exec = `exec ${process.execPath} ${client} ${KEY_FILE} $PORT`;
    const args = ['--exec', exec, '--only', 'level', '--cases', '12', '--json', '--out', join(folder, 'started')];
    const ran = await rfc2228(['client', '--listen', '0', ...PSK, '--limit', '3000', ...args]);
    expect(ran.stderr).toBe('');
    const crash = findings(ran).find(({ finding }) => finding === 'crashed');
    expect(crash).toMatchObject({ name: 'level: confidential alone, where integrity is required' });
    expect(crash.outcome).toContain('SIGSEGV');
    const exits = records(ran).flatMap(it => (it.type === 'case' ? [it.exit?.signal] : []));
    expect(exits).toContain('SIGSEGV');
  });

  it('is told by the exit status of a client that goes on whatever it hears', async () => {
    const client = fileURLToPath(new URL('status-client.mjs', import.meta.url));
    const exec = ['--exec', `exec ${process.execPath} ${client} ${KEY_FILE} $PORT`, '--limit', '10000'];
    const args = ['--only', 'level', '--level', 'safe', '--cases', '12', '--json', '--out', join(folder, 'status')];
    const ran = await rfc2228(['client', '--listen', '0', ...PSK, ...exec, ...args]);
    expect([ran.stderr, titles(ran)]).toEqual(['', ['clear text accepted: level: the text comes in the clear']]);
    const ends = records(ran).flatMap(it => (it.type === 'case' ? [`${it.outcome}: ${it.exit?.status}`] : []));
    expect(new Set(ends)).toEqual(new Set(['accepted: 0', 'refused: 3']));
    expect(findings(ran)[0].outcome).toBe('accepted (sends safe NOOP)');
  });

  it('shows nothing of a client on ClientControl', async () => {
    const ran = await toClient(conformingClient, ['--cases', '250', '--json']);
    expect(findings(ran)).toEqual([]);
    expect(ran.status).toBe(0);
    const { outcomes } = records(ran).at(-1);
    expect(outcomes.closed).toBeGreaterThan(60);
    expect(outcomes.accepted).toBeGreaterThan(10);
  });

  it('finds, makes small, and replays what a bad one believes', async () => {
    const out = join(folder, 'client');
    const layers = ['phases', 'sequence', 'level'].flatMap(layer => ['--only', layer]);
    const ran = await toClient(badClient, [...layers, '--cases', '150', '--json', '--out', out]);
    expect(ran.status).toBe(1);
    const found = titles(ran);
    expect(found).toContain('clear text accepted: phases: success in the clear');
    expect(found).toContain('replay accepted: sequence: a message comes again');
    expect(found).toContain('lower level accepted: level: private is claimed, and the token is not sealed');
    const file = join(out, 'client-sequence-a-message-comes-again-safe.json');
    const again = await toClient(badClient, ['--replay', file, '--json', '--out', join(folder, 'again')]);
    expect(findings(again).map(it => it.finding)).toEqual(['replay accepted']);
    const valid = await toClient(conformingClient, ['--replay', file, '--json', '--out', join(folder, 'again')]);
    expect([valid.status, findings(valid)]).toEqual([0, []]);
  });

  it('keeps which command was at fault in its reproducer, unless it is told another', async () => {
    const out = join(folder, 'third');
    const at = (place: string[]) => [...place, '--json', '--out', out];
    const first = await toClient(badClient, at(['--at', '3', '--only', 'level', '--level', 'safe', '--cases', '12']));
    const clear = findings(first).find(({ name }) => name === 'level: the text comes in the clear');
    expect(clear).toMatchObject({ outcome: 'accepted (sends safe STAT)', case: { at: 3 } });
    const replay = ['--replay', join(out, 'client-level-the-text-comes-in-the-clear-safe.json')];
    const [again, elsewhere] = [
      await toClient(badClient, at(replay)),
      await toClient(badClient, at([...replay, '--at', '1'])),
    ];
    expect(findings(again)).toMatchObject([{ outcome: 'accepted (sends safe STAT)', case: { at: 3 } }]);
    expect(findings(elsewhere)).toMatchObject([{ outcome: 'accepted (sends safe PWD)', case: { at: 1 } }]);
  });
});
