/** Sessions with a known association: a server never throws and hands on no clear command where integrity is required; a client refuses by FtpSecurityError, and hands on no text but what was protected. */
import { CRLF, concat } from '../../../src/bytes.js';
import type { SecurityContext } from '../../../src/protection/mechanism.js';
import { encodeProtectedCommand } from '../../../src/protection/protected-command.js';
import { encodeProtectedReply } from '../../../src/protection/protected-reply.js';
import { ClientSession } from '../../../src/session/client.js';
import { ServerSession } from '../../../src/session/server.js';
import { quickContext } from './quick-context.js';
import { attempt, cutAt, hold, octets, type Target } from './target.js';

/** A line per command. First octet: c in the clear, C safe, P private, E confidential, A an exchange in the clear. */
export const serverSession: Target = {
  name: 'server-session',
  invariant: 'nothing that a client sends makes it throw; no clear command comes through where integrity is required',
  run(input) {
    const session = new ServerSession({ mechanisms: [{ name: 'X-PSK' }], ccc: 'allowed', maxLine: 2000 });
    let client = quickContext('initiator');
    const drain = () => {
      for (let left = 200; left > 0; left--) {
        const { phase } = session;
        const event = session.next();
        if (event === undefined) return;
        if (event.type === 'auth') session.proceed({});
        if (event.type === 'security-data') {
          session.proceed({ context: quickContext('acceptor') });
          client = quickContext('initiator');
        }
        if (event.type !== 'command') continue;
        hold(
          phase !== 'secured' || event.level === 'safe' || event.level === 'private',
          'a clear command comes through',
        );
        session.reply(event.command.verb === 'REIN' ? 220 : 200, 'Done', event);
      }
    };
    for (const line of cutAt(input, 0x0a).slice(0, 40)) {
      session.receive(clientLine(line, client));
      drain();
    }
    attempt(() => session.close());
  },
  seeds: [
    'cAUTH X-PSK\ncADAT AAAA\nCUSER a\nPPASS b\nPPBSZ 100\nPPROT P\ncNOOP',
    'cAUTH X-PSK\ncADAT AAAA\nCCCC\ncNOOP\nCREIN\ncUSER x',
    'cUSER a\ncMIC AAAA\ncADAT AA\ncPBSZ 1\ncPROT C',
    'cAUTH X-PSK\ncADAT AAAA\nENOOP\nCAUTH X-PSK\nCADAT AAAA\nCSTAT',
  ].map(octets),
  words: [
    '\nc',
    '\nC',
    '\nP',
    '\nE',
    'AUTH X-PSK',
    'ADAT AAAA',
    'PBSZ 1',
    'PROT P',
    'CCC',
    'REIN',
    'ABOR',
    'STAT',
    'QUIT',
  ],
};

function clientLine(line: Uint8Array, client: SecurityContext): Uint8Array {
  const text = line.subarray(1);
  const level = ({ C: 'safe', P: 'private', E: 'confidential' } as const)[String.fromCharCode(line[0] ?? 0)];
  return level === undefined ? concat(text, CRLF) : encodeProtectedCommand(client.wrap(text, level));
}

/** A line per reply. First octet: s in the clear, S safe, Q private, E confidential; > the client sends what follows. */
export const clientSession: Target = {
  name: 'client-session',
  invariant: 'it hands on no text but what was protected, while integrity is required; only FtpSecurityError escapes',
  run(input) {
    const session = new ClientSession({ maxLine: 2000, maxReply: 4000, allowClearPassword: true });
    const server = quickContext('acceptor');
    const texts: string[] = [];
    let closed = false;
    const drain = () => {
      while (!closed) {
        const { phase } = session;
        const one = attempt(() => session.next());
        if ('error' in one) closed = true;
        if ('error' in one || one.value === undefined) return;
        if (one.value.type === 'security-data') {
          const context = one.value.complete ? quickContext('initiator') : undefined;
          const step = context === undefined ? { token: Uint8Array.of(1) } : { context };
          closed = 'error' in attempt(() => session.proceed(step));
          continue;
        }
        const { reply, level, command } = one.value;
        // The reply that completes an exchange comes in the clear.
        const ofExchange = command?.verb === 'AUTH' || command?.verb === 'ADAT';
        if (phase === 'secured' && !ofExchange)
          hold(level !== 'clear' && isOf(texts, reply.raw), 'text that was not protected');
      }
    };
    for (const line of cutAt(input, 0x0a).slice(0, 40)) {
      const text = line.subarray(1);
      const kind = String.fromCharCode(line[0] ?? 0);
      if (kind === '>') attempt(() => misused(() => session.send(text)));
      const level = ({ S: 'safe', Q: 'private', E: 'confidential' } as const)[kind];
      if (level !== undefined) texts.push(String.fromCharCode(...text));
      const reply = level && encodeProtectedReply({ level, tokens: [server.wrap(text, level).token] });
      if (kind !== '>') session.receive(reply ?? concat(text, CRLF));
      drain();
    }
    attempt(() => session.close());
  },
  seeds: [
    's220 hi\n>AUTH X-PSK\ns334 go\ns235 done\n>USER a\nS331 b\n>PASS c\nQ230 d\n>QUIT\ns221 clear',
    's220 hi\n>AUTH X-PSK\ns334 go\ns335 ADAT=AAAA\ns235 ADAT=AAAA\n>CCC\nS200 ok\n>NOOP\ns200 ok',
    's220 hi\n>USER a\ns631 AAAA',
    's220 hi\n>AUTH X-PSK\ns334 go\ns235 x\n>PBSZ 100\nS200 PBSZ=50\n>PROT P\nS200 ok\n>STAT\nS211-a\r\nS b\r\nS211 c\r\n',
  ].map(octets),
  words: [
    '\ns',
    '\nS',
    '\nQ',
    '\nE',
    '\n>',
    's334 ',
    's235 ADAT=',
    'S200 ',
    'AUTH X-PSK',
    'CCC',
    'REIN',
    'PBSZ 1',
    'PROT P',
    'STAT',
  ],
};

/** Misuse by the caller is a RangeError, and no finding. */
function misused(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
}

/** Whether a reply is made of protected texts, their line ends aside. */
function isOf(texts: readonly string[], raw: Uint8Array): boolean {
  const bare = (text: string) => text.replace(/[\r\n\0]/g, '');
  return bare(texts.join('')).includes(bare(String.fromCharCode(...raw)));
}
