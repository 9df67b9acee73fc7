/**
 * The server's side of delegation: it makes a key, sends a certificate request for it (RFC 2986, DER), and gets a proxy certificate
 * in DER. Other certificates may follow it; Globus's client sends none, as its own chain is known from the handshake.
 */
import { createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { concat, toHex } from '../../bytes.js';
import { badToken, FtpSecurityError } from '../../errors.js';
import { formatElement } from '../../mechanisms/der.js';
import { elementsOf, SEQUENCE } from '../../mechanisms/gsi/elements.js';
import { parseCertificate } from './certificate.js';
import { type ChainOptions, verifyChain } from './chain.js';
import type { GsiCredential } from './credential.js';
import { formatSigned } from './signed.js';

const KEY_BITS = 2048;
const ATTRIBUTES = 0xa0;
/** INTEGER 0, the only version. */
const VERSION = Uint8Array.of(2, 1, 0);
const MAX_CERTIFICATES = 30;

export interface DelegationRequest {
  key: KeyObject;
  /** The certificate request. */
  request: Uint8Array;
}

/** A new key, and a certificate request with an empty name, which the owner of the credential does not read. */
export async function delegationRequest(): Promise<DelegationRequest> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: KEY_BITS });
  const keyInfo = publicKey.export({ format: 'der', type: 'spki' });
  const empty = new Uint8Array();
  const info = formatElement(
    SEQUENCE,
    concat(VERSION, formatElement(SEQUENCE, empty), keyInfo, formatElement(ATTRIBUTES, empty)),
  );
  return { key: privateKey, request: formatSigned(info, privateKey) };
}

/**
 * The credential that was delegated. Its certificate must be of our key, and its owner the client.
 * @param sent  what the client has sent
 * @param client  the client's chain in the handshake, and its name
 * @throws FtpSecurityError `security/bad-token`, and those of verifyChain
 */
export function delegatedCredential(
  key: KeyObject,
  sent: Uint8Array,
  client: { chain: readonly Uint8Array[]; name: string },
  options: ChainOptions,
): GsiCredential {
  const [first, ...others] = elementsOf(sent, MAX_CERTIFICATES).map(({ whole }) => Uint8Array.from(whole));
  if (first === undefined) throw badToken('delegation without a certificate');
  const known = new Set(others.map(toHex));
  const certificates = [first, ...others, ...client.chain.filter(it => !known.has(toHex(it)))];
  if (!parseCertificate(first).key.equals(createPublicKey(key))) {
    throw badToken('the delegated certificate has another key than was requested');
  }
  const { name } = verifyChain(certificates, options);
  if (name === client.name) return { certificates, key };
  throw new FtpSecurityError('security/wrong-name', `${client.name} has delegated a credential of ${name}`);
}
