/** The algorithms of RC4, triple DES and DES keys in tokens of RFC 1964: checksum, sequence number, encryption. */
import { md5 } from '@noble/hashes/legacy.js';
import type { BlockCipher, BlockCiphers } from '../../../block-cipher.js';
import { concat, copy, u32be } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';
import { consume, type Mac } from '../crypto/aes-hmac.js';
import type { CipherOptions } from '../crypto/enctypes.js';
import type { KerberosKey } from '../crypto/kerberos-key.js';
import { rc4 } from '../crypto/rc4.js';
import { derive, hmacMd5 } from '../crypto/rc4-hmac.js';

/** A key as tokens of RFC 1964 use it. A body is confounder, plaintext and padding. */
export interface Rfc1964Key {
  /** The checksum function of each SGN_ALG in Wrap tokens. The first entry is used for tokens that we send. */
  readonly signing: ReadonlyMap<number, (data: Uint8Array) => Uint8Array>;
  /** The same for GetMIC tokens, which have no body. */
  readonly micSigning: ReadonlyMap<number, (data: Uint8Array) => Uint8Array>;
  /** SEAL_ALG of an encrypted token. */
  readonly sealing: number;
  /** In octets. */
  readonly checksumLength: number;
  /** Plaintext and padding together are a multiple of this many octets. */
  readonly blockSize: number;
  /** Whether the sequence number is little-endian. */
  readonly littleEndian: boolean;
  /** Encrypts the plaintext of SND_SEQ. */
  encryptSequence(sequence: Uint8Array, checksum: Uint8Array): Uint8Array;
  decryptSequence(sequence: Uint8Array, checksum: Uint8Array): Uint8Array;
  /** @param sequence  the plaintext of SND_SEQ */
  seal(body: Uint8Array, sequence: Uint8Array): Uint8Array;
  unseal(body: Uint8Array, sequence: Uint8Array): Uint8Array;
  destroy(): void;
}

/** Key usage numbers of the checksums (RFC 4757 §3 and §7). For triple DES no RFC has one; all implementations use 23. */
const USAGE = { rc4Wrap: 13, rc4Mic: 15, tripleDesSign: 23 } as const;

/**
 * Prepares a key for tokens of RFC 1964.
 * @param key  the caller must destroy it, after the result
 * @param octets  the octets of the same key; they are copied
 */
export function rfc1964Key(key: KerberosKey, octets: Uint8Array, { ciphers = {} }: CipherOptions): Rfc1964Key {
  const make = FAMILIES.get(key.enctype.number);
  if (make === undefined) {
    throw new FtpSecurityError('security/no-key', `${key.enctype.name} keys are not used in tokens of RFC 1964`);
  }
  return make(key, octets, ciphers);
}

type Family = (key: KerberosKey, octets: Uint8Array, ciphers: BlockCiphers) => Rfc1964Key;

const FAMILIES: ReadonlyMap<number, Family> = new Map([
  [1, des],
  [3, des],
  [16, tripleDes],
  [23, rc4Hmac],
]);

const CHECKSUM = 8;
const BLOCK = 8;

/** RFC 4757 §7.2 and §7.3. */
function rc4Hmac(key: KerberosKey, octets: Uint8Array): Rfc1964Key {
  const zero = u32be(0);
  const sequenceKey = consume(derive(octets, zero), hmacMd5);
  const sealKey = consume(
    consume(masked(octets), key => derive(key, zero)),
    hmacMd5,
  );
  const crypted = (octets: Uint8Array, mac: Mac, data: Uint8Array) => {
    const result = copy(octets);
    consume(mac.digest(data), key => rc4(key, result));
    return result;
  };
  const cryptSequence = (sequence: Uint8Array, checksum: Uint8Array) => crypted(sequence, sequenceKey, checksum);
  const crypt = (body: Uint8Array, sequence: Uint8Array) => crypted(body, sealKey, sequence.subarray(0, 4));
  const signing = (usage: number) =>
    new Map([[0x1100, (data: Uint8Array) => key.checksum(usage, data).slice(0, CHECKSUM)]]);
  return {
    signing: signing(USAGE.rc4Wrap),
    micSigning: signing(USAGE.rc4Mic),
    sealing: 0x1000,
    checksumLength: CHECKSUM,
    blockSize: 1,
    littleEndian: false,
    encryptSequence: cryptSequence,
    decryptSequence: cryptSequence,
    seal: crypt,
    unseal: crypt,
    destroy() {
      sequenceKey.destroy();
      sealKey.destroy();
    },
  };
}

/** No RFC has tokens with triple DES. All implementations use those of RFC 1964, with the checksum of RFC 3961 §6.3. */
function tripleDes(key: KerberosKey, octets: Uint8Array, ciphers: BlockCiphers): Rfc1964Key {
  const cipher = ciphers.tripleDes!(octets);
  const signing = new Map([[0x0400, (data: Uint8Array) => key.checksum(USAGE.tripleDesSign, data)]]);
  return {
    signing,
    micSigning: signing,
    sealing: 0x0200,
    checksumLength: key.enctype.checksumLength,
    ...blockCipherParts(cipher, cipher),
  };
}

/** RFC 1964 §1.2.1.1 and §1.2.2. */
function des(_key: KerberosKey, octets: Uint8Array, ciphers: BlockCiphers): Rfc1964Key {
  const cipher = ciphers.des!(octets);
  const reversed = consume(copy(octets).reverse(), key => ciphers.des!(key));
  const prefix = reversed.encrypt(new Uint8Array(2 * BLOCK));
  reversed.destroy();
  const mac = (data: Uint8Array) => cipher.encrypt(data).slice(-BLOCK);
  const signing: [number, (data: Uint8Array) => Uint8Array][] = [
    [0x0000, data => mac(md5(data))],
    [0x0100, data => md5(concat(prefix, data)).slice(0, CHECKSUM)],
  ];
  const parts = blockCipherParts(
    cipher,
    consume(masked(octets), key => ciphers.des!(key)),
  );
  return {
    // DES MAC covers whole blocks only. A Wrap token's body is padded to them, but the text of a GetMIC token is not.
    signing: new Map([...signing, [0x0200, mac]]),
    micSigning: new Map(signing),
    sealing: 0x0000,
    checksumLength: CHECKSUM,
    ...parts,
    destroy() {
      parts.destroy();
      prefix.fill(0);
    },
  };
}

function blockCipherParts(
  cipher: BlockCipher,
  sealing: BlockCipher,
): Omit<Rfc1964Key, 'signing' | 'micSigning' | 'sealing' | 'checksumLength'> {
  return {
    blockSize: BLOCK,
    littleEndian: true,
    encryptSequence: (sequence, checksum) => cipher.encrypt(sequence, checksum.subarray(0, BLOCK)),
    decryptSequence: (sequence, checksum) => cipher.decrypt(sequence, checksum.subarray(0, BLOCK)),
    seal: body => sealing.encrypt(body),
    unseal: body => sealing.decrypt(body),
    destroy() {
      cipher.destroy();
      sealing.destroy();
    },
  };
}

/** The encryption key: each octet of the context's key, XORed with F0 (RFC 1964 §1.2.2.3, RFC 4757 §7.3). */
function masked(octets: Uint8Array): Uint8Array {
  return Uint8Array.from(octets, octet => octet ^ 0xf0);
}
