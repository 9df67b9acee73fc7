/** Tokens of GSS_GetMIC as RFC 1964 §1.2.1 and RFC 4757 §7.2 have them: frame, header, sequence number, checksum; no text. */
import { concat, equalConstantTime, viewOf } from '../../../bytes.js';
import { badToken, FtpSecurityError } from '../../../errors.js';
import { formatFrame, openFrame } from '../messages/gss-framing.js';
import { assertDirection, readSequence, sequenceField, u16be } from './rfc1964.js';
import type { FramedKey } from './rfc1964-keys.js';
import { readTokenHeader } from './rfc4121.js';

/** Where the parts are, counted from TOK_ID. */
const AT = { signing: 2, sequence: 8, checksum: 16 } as const;
const TOKEN_ID = 0x0101;
const FILLER = Uint8Array.of(0xff, 0xff, 0xff, 0xff);

export function buildFramedMic(
  key: FramedKey,
  sentByAcceptor: boolean,
  sequence: bigint,
  text: Uint8Array,
): Uint8Array {
  const [signing, checksumOf] = [...key.signingAlone][0]!;
  const header = concat(u16be(TOKEN_ID), u16be(signing), FILLER);
  const checksum = checksumOf(concat(header, text));
  const numbered = sequenceField(key, sequence, sentByAcceptor);
  return formatFrame(concat(header, key.encryptSequence(numbered, checksum), checksum));
}

/**
 * Verifies a token, and gives its sequence number; whether that may come is not looked at.
 * @param sentByAcceptor  what its direction must say
 * @throws FtpSecurityError `security/bad-token`, `security/wrong-direction`, `security/bad-checksum`
 */
export function verifyFramedMic(key: FramedKey, sentByAcceptor: boolean, token: Uint8Array, text: Uint8Array): bigint {
  const { kind } = readTokenHeader(token);
  if (kind !== 'rfc1964-mic') throw badToken(`a token of kind ${kind} where one of GetMIC is owed`);
  const inside = token.subarray(openFrame(token));
  if (inside.length !== AT.checksum + key.checksumLength) throw badToken('a GetMIC token of another length');
  const checksumOf = key.signingAlone.get(viewOf(inside).getUint16(AT.signing));
  if (checksumOf === undefined) throw badToken('SGN_ALG is none of this key');
  const checksum = inside.subarray(AT.checksum);
  const numbered = key.decryptSequence(inside.subarray(AT.sequence, AT.checksum), checksum);
  const { sequence, sender } = readSequence(key, numbered);
  const holds = equalConstantTime(checksumOf(concat(inside.subarray(0, AT.sequence), text)), checksum);
  if (!holds || sender === undefined) {
    throw new FtpSecurityError('security/bad-checksum', 'the checksum or the sequence number does not hold');
  }
  assertDirection(sender, sentByAcceptor);
  return sequence;
}
