/** GetMIC tokens that MIT Kerberos and Heimdal made (vectors/krb5), verified and reproduced. */
import { describe, expect, test } from 'vitest';
import { concat, fromHex, toHex } from '../../../../src/bytes.js';
import { FtpSecurityError } from '../../../../src/errors.js';
import { enctypeOf } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';
import { formatFrame, openFrame } from '../../../../src/mechanisms/krb5/messages/gss-framing.js';
import { expectCode } from '../../../helpers.js';
import { contextOf, type ForeignContext, foreignFiles } from '../foreign-contexts.js';
import { contextPair, ENCTYPE_NUMBERS } from '../tokens.js';

const contexts = (['rfc4121', 'rfc1964'] as const).flatMap(protocol =>
  foreignFiles(protocol).flatMap(({ file, contexts }) =>
    contexts.map(context => ({ title: `${file}, ${context.name}`, context })),
  ),
);

/** Heimdal's GetMIC tokens with triple DES have two more octets, of any value, that are not in RFC 1964 §1.2.1. */
const withoutExtraOctets = (token: string) => (token.startsWith('6031') ? `602f${token.slice(4, -4)}` : token);

const micsOf = ({ messages }: ForeignContext) =>
  messages.filter(({ op }) => op === 'mic').map(message => ({ ...message, token: withoutExtraOctets(message.token) }));

describe.each(contexts)('$title', ({ context }) => {
  test('every GetMIC token is verified for its own text only', () => {
    const receivers = { initiator: contextOf(context, 'acceptor'), acceptor: contextOf(context, 'initiator') };
    expect(micsOf(context).length).toBeGreaterThan(0);
    for (const { from, plaintext, token } of micsOf(context)) {
      const other = fromHex(`${plaintext}00`);
      expectCode(() => receivers[from].verifyMic(other, fromHex(token)), 'security/bad-checksum');
      expect(receivers[from].verifyMic(fromHex(plaintext), fromHex(token))).toMatch(/^(ok|gap|late)$/);
      expectCode(() => receivers[from].verifyMic(fromHex(plaintext), fromHex(token)), 'security/replayed');
    }
  });

  test('our token with the same sequence number is the same', () => {
    for (const { from, plaintext, token, seq } of micsOf(context)) {
      const sender = contextOf(context, from, { sendSequence: BigInt(seq) });
      expect(toHex(sender.getMic(fromHex(plaintext)))).toBe(token);
    }
  });
});

describe.each(ENCTYPE_NUMBERS)('enctype %i', enctype => {
  const text = Uint8Array.of(1, 2, 3);

  test('GetMIC and Wrap tokens share the sequence numbers', () => {
    const { initiator, acceptor } = contextPair(enctype);
    const mic = initiator.getMic(text);
    const { token } = initiator.wrap(text, 'safe');
    expect(acceptor.unwrap(token).sequence).toBe('gap');
    expect(acceptor.verifyMic(text, mic)).toBe('late');
    expectCode(() => acceptor.verifyMic(text, mic), 'security/replayed');
  });

  test('a reflected, changed or truncated token is refused, and so is a Wrap token', () => {
    const { initiator, acceptor } = contextPair(enctype);
    const mic = initiator.getMic(text);
    expectCode(() => initiator.verifyMic(text, mic), 'security/wrong-direction');
    expectCode(() => acceptor.verifyMic(text, initiator.wrap(text, 'safe').token), 'security/bad-token');
    // With RC4, the checksum does not cover the sequence number, the first half of SND_SEQ (RFC 4757 §7.2).
    const uncovered = enctype === 23 ? openFrame(mic) + 8 : mic.length;
    for (let bit = 0; bit < 8 * mic.length; bit++) {
      if (bit >> 3 >= uncovered && bit >> 3 < uncovered + 4) continue;
      const altered = Uint8Array.from(mic);
      altered[bit >> 3]! ^= 0x80 >> (bit & 7);
      expect(() => acceptor.verifyMic(text, altered), `bit ${bit}`).toThrow(FtpSecurityError);
    }
    for (let length = 0; length < mic.length; length++) {
      expect(() => acceptor.verifyMic(text, mic.subarray(0, length))).toThrow(FtpSecurityError);
    }
    expect(acceptor.verifyMic(text, mic)).toBe('ok');
  });

  test.runIf(enctypeOf(enctype)!.tokens === 'rfc1964')(
    'a token of another length is refused, framed as it should be',
    () => {
      const { initiator, acceptor } = contextPair(enctype);
      const mic = initiator.getMic(text);
      const content = mic.subarray(openFrame(mic));
      for (const other of [content.subarray(0, -1), concat(content, Uint8Array.of(0))]) {
        expectCode(() => acceptor.verifyMic(text, formatFrame(other)), 'security/bad-token');
      }
      expect(acceptor.verifyMic(text, formatFrame(content))).toBe('ok');
    },
  );
});
