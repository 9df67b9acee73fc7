/** Lines of both sides of a connection whose keys are known: nothing is shown as verified but texts that were protected, and integrity that was required is lifted by protected commands alone. */
import { CRLF, concat } from '../../../src/bytes.js';
import { encodeProtectedCommand } from '../../../src/protection/protected-command.js';
import { encodeProtectedReply } from '../../../src/protection/protected-reply.js';
import { Observer } from '../../../src/session/observer.js';
import { quickContext } from './quick-context.js';
import { cutAt, hold, octets, type Target } from './target.js';

const START = ['cAUTH X-PSK', 's334 go', 'cADAT AAAA', 's235 done'];

/**
 * A line per command or reply. First octet: c or s in the clear, C or S protected as safe, P or Q as private; L octets are
 * lost.
 */
export const observer: Target = {
  name: 'observer',
  invariant: 'what is shown as verified was protected, and no clear line is without error while integrity is required',
  run(input) {
    const client = quickContext('initiator');
    const server = quickContext('acceptor');
    const step = {
      facts: {},
      fromClient: quickContext('acceptor'),
      fromServer: quickContext('initiator'),
    };
    const mechanism = {
      name: 'X-PSK',
      variant: 'psk',
      recognises: () => true,
      observer: () => ({ observe: () => step }),
    };
    const watching = new Observer({ mechanisms: [mechanism], maxLine: 2000 });
    const texts = new Set<string>();
    const sent = (text: Uint8Array) => texts.add(String.fromCharCode(...text));
    for (const line of [...START.map(octets), ...cutAt(input, 0x0a).slice(0, 40)]) {
      const text = line.subarray(1);
      const kind = String.fromCharCode(line[0] ?? 0);
      if (kind === 'c' || kind === 's') watching.push(kind === 'c' ? 'client' : 'server', concat(text, CRLF));
      if (kind === 'L') watching.gap('server');
      if (kind === 'C' || kind === 'P') {
        sent(text);
        watching.push('client', encodeProtectedCommand(client.wrap(text, kind === 'C' ? 'safe' : 'private')));
      }
      if (kind === 'S' || kind === 'Q') {
        sent(text);
        const { level, token } = server.wrap(text, kind === 'S' ? 'safe' : 'private');
        watching.push('server', encodeProtectedReply({ level, tokens: [token] }));
      }
    }
    watching.close();
    for (let one = watching.next(); one !== undefined; one = watching.next()) {
      if (one.type !== 'message' || one.plaintext === undefined) continue;
      hold(
        one.verdict === 'verified' && texts.has(String.fromCharCode(...one.plaintext)),
        'text that was not protected',
      );
    }
  },
  seeds: [
    'CUSER a\nS331 who\n',
    'CCCC\nS200 ok\ncNOOP\ns200 ok\n',
    'PREIN\nQ220 again\ncUSER a\ns331 b',
    'c631 AAAA\nsMIC AAAA\ns631-AAAA\ns631 AAAA',
    'CSTAT\nS211-a\r\nS b\r\nS211 c\nL\nS200 x',
    'PAUTH X-PSK\nQ334 go\ncADAT AA==\ns235 ADAT=AA==',
  ].map(octets),
  words: [
    '\nC',
    '\nS',
    '\nc',
    '\ns',
    '\nP',
    '\nQ',
    '\nL',
    'CCC',
    'REIN',
    'AUTH X-PSK',
    '200 ',
    '211-',
    '334 ',
    '235 ADAT=',
  ],
};
