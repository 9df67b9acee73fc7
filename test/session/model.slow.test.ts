/**
 * Both sessions on a wire, in moves at random: commands and replies, legal and illegal, in chunks; and an attacker between
 * them who adds, drops, alters, repeats and reorders lines. What must hold is written down here once more, without the
 * rules of src.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { concat, fromUtf8, toUtf8 } from '../../src/bytes.js';
import { FtpSecurityError } from '../../src/errors.js';
import { pskAcceptor, pskInitiator } from '../../src/mechanisms/psk/index.js';
import type { Exchange, Step } from '../../src/protection/mechanism.js';
import type { ProtectionLevel } from '../../src/protection/protection-level.js';
import { ClientSession } from '../../src/session/client.js';
import type { Phase } from '../../src/session/rules.js';
import { ServerSession } from '../../src/session/server.js';
import { krb5Contexts } from './pair.js';

const KEY = new Uint8Array(32).fill(5);
const RUNS = 2 * Number(process.env['FC_RUNS'] ?? 200);
let runs = 0;
let moves = 0;
afterAll(() => console.info(`sessions: ${runs} runs of the model, ${moves} moves`));

const verified = (level: ProtectionLevel) => level === 'safe' || level === 'private';

/** Something that was said under protection: it may come once, and only behind what was said and came before it. */
class Said {
  readonly #said: string[] = [];
  #heard = 0;

  say(what: string): void {
    this.#said.push(what);
  }

  hear(what: string): void {
    const at = this.#said.indexOf(what, this.#heard);
    expect(at, `"${what}" was not said, or not now`).toBeGreaterThanOrEqual(0);
    this.#heard = at + 1;
  }
}

/** An exchange of one token, to Kerberos V5 contexts with a key of their own. */
function kerberos(octet: number): { initiator: Exchange; acceptor: Exchange } {
  const { initiator, acceptor } = krb5Contexts(octet);
  return {
    initiator: { step: token => (token === undefined ? { token: toUtf8('hello'), context: initiator } : {}) },
    acceptor: {
      step(token) {
        if (fromUtf8(token!) !== 'hello') throw new FtpSecurityError('security/bad-token', 'not hello');
        return { context: acceptor };
      },
    },
  };
}

interface Setting {
  mechanism: 'psk' | 'krb5';
  ccc: 'allowed' | 'refused' | 'required';
  require: 'safe' | 'private' | undefined;
  requireSecurity: boolean;
}

class World {
  readonly client: ClientSession;
  readonly server: ServerSession;
  readonly commands = new Said();
  readonly replies = new Said();
  /** Lines on the way. */
  toServer: Uint8Array[] = [];
  toClient: Uint8Array[] = [];
  readonly seen: Uint8Array[] = [];
  readonly setting: Setting;
  /** Whether an attacker has changed anything on the wire. */
  attacked = false;
  closed: FtpSecurityError | undefined;
  #initiator: Exchange | undefined;
  #acceptor: Exchange | undefined;
  #waiting = 0;
  #count = 0;
  /** Whether the client has asked for less protection since its last exchange. */
  #askedForCcc = false;
  #askedFor = new Set<ProtectionLevel>(['clear']);

  constructor(setting: Setting) {
    this.setting = setting;
    const { require, ccc, requireSecurity } = setting;
    this.client = new ClientSession(require === undefined ? {} : { require, requireSecurity });
    this.server = new ServerSession({
      mechanisms: [{ name: 'X-PSK' }],
      ccc,
      requireSecurity,
      ...(require !== undefined && { require }),
    });
    this.#say(this.server.reply(220, 'ready'), '220 ready');
  }

  /** The client's application says a command; `%` is replaced by a new number. */
  send(command: string, level: ProtectionLevel | undefined): void {
    const text = command.replace('%', `${++this.#count}`);
    const before = this.#state();
    let line: Uint8Array;
    try {
      line = this.client.send(toUtf8(text), level);
    } catch (error) {
      expect(error).toBeInstanceOf(FtpSecurityError);
      expect((error as FtpSecurityError).side).toBe('local');
      expect(this.#state()).toEqual(before);
      return;
    }
    const clear = !/^(MIC|ENC|CONF) /.test(fromUtf8(line));
    if (this.client.phase === 'secured') expect(clear || fromUtf8(line).startsWith('CONF')).toBe(false);
    if (/^(PASS|ACCT)/.test(text)) expect(clear).toBe(false);
    this.commands.say(text);
    if (text === 'CCC') this.#askedForCcc = true;
    const prot = /^PROT (.)/.exec(text)?.[1];
    if (prot !== undefined)
      this.#askedFor.add(({ C: 'clear', S: 'safe', P: 'private', E: 'confidential' } as const)[prot as 'C']);
    this.toServer.push(line);
  }

  /** The server's application answers its oldest command. */
  answer(code: number): void {
    if (this.#waiting === 0 || this.server.phase === 'exchange') return;
    const text = `r${++this.#count}`;
    this.#say(this.server.reply(code, text), `${code} ${text}`);
    if (code >= 200) this.#waiting--;
    this.serverReads();
  }

  /** The server gets lines, cut anywhere. */
  deliverToServer(count: number, cut: number): void {
    this.#deliver(this.toServer.splice(0, count), cut, chunk => {
      this.server.receive(chunk);
      this.serverReads();
    });
  }

  deliverToClient(count: number, cut: number): void {
    this.#deliver(this.toClient.splice(0, count), cut, chunk => {
      this.client.receive(chunk);
      this.clientReads();
    });
  }

  serverReads(): void {
    for (;;) {
      const { phase, protection } = this.server;
      const event = this.server.next();
      if (event === undefined) return;
      switch (event.type) {
        case 'command':
          if (phase === 'secured')
            expect(verified(event.level), 'an unverified command in a secured session').toBe(true);
          if (this.setting.require === 'private' && phase === 'secured') expect(event.level).toBe('private');
          if (this.setting.requireSecurity && phase === 'clear')
            expect(event.command.verb).toMatch(/^(NOOP|QUIT|REIN)$/);
          if (verified(event.level)) this.commands.hear(textOf(event.command.raw));
          this.#waiting++;
          break;
        case 'auth':
          if (phase === 'secured') this.commands.hear(`AUTH ${event.mechanism}`);
          if (this.setting.mechanism === 'psk') this.#acceptor = pskAcceptor({ key: KEY });
          this.#say(this.server.proceed({}), '334');
          break;
        case 'security-data':
          expect(phase).toBe('exchange');
          this.#accept(event.token);
          break;
        case 'answered':
          if (event.error === undefined && phase === 'secured') this.commands.hear(textOf(event.command!.raw));
          else if (event.error !== undefined) expect([this.server.protection]).toEqual([protection]);
          this.#say(event.octets, `${event.code}`);
      }
      this.check();
    }
  }

  clientReads(): void {
    try {
      this.#clientReads();
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      this.closed ??= error;
      // A client stops; what it sends from then on is refused.
      expect(() => this.client.send(toUtf8('NOOP'))).toThrow(FtpSecurityError);
    }
  }

  /** All that is on its way arrives, and all is answered. */
  settle(): void {
    for (let i = 0; i < 200 && this.closed === undefined; i++) {
      if (this.toServer.length + this.toClient.length + this.#waiting === 0) break;
      this.deliverToServer(9, 0);
      this.deliverToClient(9, 0);
      if (this.#waiting > 0) this.answer(250);
    }
  }

  check(): void {
    const { client, server } = this;
    if (server.phase === 'cleared' || (client.phase === 'cleared' && this.closed === undefined)) {
      expect(this.#askedForCcc, 'CCC was not requested').toBe(true);
      expect(this.setting.ccc === 'refused' && server.phase === 'cleared').toBe(false);
    }
    expect([...this.#askedFor]).toContain(server.protection);
    expect([...this.#askedFor]).toContain(client.protection);
    for (const side of [client, server]) {
      if (side.phase === 'clear' || side.phase === 'exchange') {
        expect([side.protection, side.bufferSize]).toEqual(['clear', undefined]);
      }
    }
  }

  #clientReads(): void {
    for (;;) {
      const { phase } = this.client;
      const event = this.client.next();
      if (event === undefined) return;
      if (event.type === 'security-data') {
        expect(this.client.paused).toBe(true);
        this.#step(event.token, event.reply.code);
      } else {
        const { code, lines } = event.reply;
        if (phase === 'secured' && code !== 235)
          expect(verified(event.level), 'an unverified reply in a secured session').toBe(true);
        if (verified(event.level)) this.replies.hear(/^r\d/.test(lines[0]!) ? `${code} ${lines[0]}` : `${code}`);
      }
      this.check();
    }
  }

  #step(token: Uint8Array | undefined, code: number): void {
    if (code === 334) this.#initiator = this.#exchange();
    let step: Step;
    try {
      step = this.#initiator!.step(token) as Step;
    } catch {
      this.client.abandon();
      return;
    }
    const line = this.client.proceed(step);
    if (line !== undefined) this.toServer.push(line);
  }

  #exchange(): Exchange {
    if (this.setting.mechanism === 'psk') return pskInitiator({ key: KEY });
    const { initiator, acceptor } = kerberos(++this.#count % 256);
    this.#acceptor = acceptor;
    return initiator;
  }

  #accept(token: Uint8Array): void {
    try {
      const step = (this.#acceptor ?? kerberos(0).acceptor).step(token) as Step;
      this.#say(this.server.proceed(step), step.context === undefined ? '335' : '235');
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      this.#say(this.server.refuse(error), '535');
    }
    if (this.server.phase === 'secured') this.#askedFor = new Set(['clear', ...this.#askedFor]);
  }

  #say(octets: Uint8Array, what: string): void {
    if (octets.length === 0) return;
    this.replies.say(what);
    this.toClient.push(octets);
  }

  #deliver(lines: Uint8Array[], cut: number, take: (chunk: Uint8Array) => void): void {
    for (const line of lines) this.seen.push(line);
    const octets = concat(...lines);
    const at = Math.min(cut, octets.length);
    take(octets.subarray(0, at));
    take(octets.subarray(at));
  }

  #state(): [Phase, ProtectionLevel, number | undefined, number, boolean] {
    const { client } = this;
    return [client.phase, client.protection, client.bufferSize, client.pending.length, client.paused];
  }
}

function textOf(raw: Uint8Array): string {
  return fromUtf8(raw).replace(/\r?\n$/, '');
}

interface Move {
  run(world: World): void;
  [fc.toStringMethod](): string;
}

function move(what: string, run: (world: World) => void): Move {
  return { run, [fc.toStringMethod]: () => what };
}

const COMMANDS = [
  'AUTH X-PSK',
  'CWD %',
  'NOOP',
  'PASS %',
  'USER %',
  'PBSZ 1000',
  'PBSZ 9',
  'PROT P',
  'PROT C',
  'PROT E',
  'CCC',
  'REIN',
  'RETR %',
  'STOR %',
  'STAT',
];
const level = fc.constantFrom<ProtectionLevel | undefined>(
  undefined,
  undefined,
  'safe',
  'private',
  'confidential',
  'clear',
);
const deliveries = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(200));
const honest: fc.Arbitrary<Move>[] = [
  fc
    .tuple(fc.constantFrom(...COMMANDS), level)
    .map(([command, at]) => move(`${command} ${at}`, world => world.send(command, at))),
  fc.constantFrom(150, 200, 226, 331, 550, 534).map(code => move(`${code}`, world => world.answer(code))),
  deliveries.map(([n, cut]) => move(`> ${n} ${cut}`, world => world.deliverToServer(n, cut))),
  deliveries.map(([n, cut]) => move(`< ${n} ${cut}`, world => world.deliverToClient(n, cut))),
];

const FORGED_COMMANDS = [
  'USER root',
  'AUTH X-PSK',
  'ADAT Zm9v',
  'CCC',
  'REIN',
  'PROT C',
  'PBSZ 1',
  'MIC Zm9v',
  'ENC !',
  'CONF Zm9v',
  'QUIT',
  '\0',
];
const FORGED_REPLIES = [
  '200 fine',
  '235 done',
  '235 ADAT=Zm9v',
  '334 go',
  '335 ADAT=Zm9v',
  '234 done',
  '230 in',
  '421 bye',
  '631 Zm9v',
  '220-a',
  '535 no',
  '211 x',
];
/** An attacker on the way, who controls both queues and knows everything that was sent. */
const hostile: fc.Arbitrary<Move> = fc
  .record({
    side: fc.constantFrom('toServer' as const, 'toClient' as const),
    how: fc.constantFrom('forge', 'drop', 'swap', 'replay', 'reflect', 'alter'),
    a: fc.nat(),
    b: fc.nat(),
  })
  .map(({ side, how, a, b }) =>
    move(`${how} ${side} ${a} ${b}`, world => {
      world.attacked = true;
      const lines = world[side];
      const at = a % (lines.length + 1);
      const put = (line: Uint8Array | undefined) => line && lines.splice(at, 0, line);
      if (how === 'forge') {
        const forged = side === 'toServer' ? FORGED_COMMANDS : FORGED_REPLIES;
        put(toUtf8(`${forged[b % forged.length]}\r\n`));
      }
      if (how === 'drop') lines.splice(at, 1);
      if (how === 'swap') lines.push(...lines.splice(at, 1));
      if (how === 'replay') put(world.seen[b % (world.seen.length || 1)]);
      if (how === 'reflect') put(reflected(world.seen[b % (world.seen.length || 1)]));
      if (how === 'alter' && lines[at] !== undefined) {
        const altered = Uint8Array.from(lines[at]);
        altered[b % altered.length]! ^= 1 << (b % 7);
        lines[at] = altered;
      }
    }),
  );

/** A reply's token as a command, and the other way. */
function reflected(line: Uint8Array | undefined): Uint8Array | undefined {
  const [, head, token] = /^(\S+) (\S+)\r\n$/.exec(fromUtf8(line ?? new Uint8Array())) ?? [];
  const other: Record<string, string> = { MIC: '631', ENC: '632', CONF: '633', 631: 'MIC', 632: 'ENC', 633: 'CONF' };
  return head !== undefined && other[head] !== undefined ? toUtf8(`${other[head]} ${token}\r\n`) : undefined;
}

const setting: fc.Arbitrary<Setting> = fc.record({
  mechanism: fc.constantFrom('psk', 'krb5'),
  ccc: fc.constantFrom('allowed', 'refused', 'required'),
  require: fc.constantFrom(undefined, 'safe', 'private'),
  requireSecurity: fc.boolean(),
});

/** Most runs begin with an exchange that is whole; the others begin anywhere. */
function play(world: World, begin: boolean, course: readonly Move[]): void {
  runs++;
  if (begin) {
    world.send('AUTH X-PSK', undefined);
    world.settle();
    expect([world.client.phase, world.server.phase]).toEqual(['secured', 'secured']);
  }
  for (const move of course) {
    moves++;
    move.run(world);
    world.check();
    if (world.closed !== undefined) return;
  }
}

const often = fc.boolean().chain(a => fc.boolean().map(b => a || b));

describe('a client and a server', () => {
  it('agree on everything that was sent, in any order of calls', () => {
    fc.assert(
      fc.property(
        setting,
        often,
        fc.array(fc.oneof(...honest), { minLength: 10, maxLength: 80, size: 'max' }),
        (given, begin, course) => {
          const world = new World(given);
          play(world, begin, course);
          world.settle();
          expect(world.closed).toBeUndefined();
          const { client, server } = world;
          expect([client.phase, client.protection, client.bufferSize]).toEqual([
            server.phase,
            server.protection,
            server.bufferSize,
          ]);
          expect(client.pending).toEqual([]);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('accept nothing that an attacker between them has changed', () => {
    fc.assert(
      fc.property(
        setting,
        often,
        fc.array(fc.oneof(...honest, hostile), { minLength: 10, maxLength: 80, size: 'max' }),
        (given, begin, course) => {
          const world = new World(given);
          play(world, begin, course);
          world.settle();
          world.check();
        },
      ),
      { numRuns: RUNS },
    );
  });
});
