import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../../src/bytes.js';
import { aes } from '../../../../src/mechanisms/krb5/crypto/aes-hmac.js';
import { cmac, kdfFeedbackCmac } from '../../../../src/mechanisms/krb5/crypto/cmac.js';
import { nodeCiphers } from '../../../../src/node/index.js';

describe('cmac', () => {
  const MESSAGE = `6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51${'30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710'}`;

  // The examples of RFC 4493 §4 (AES-128): length of the message in octets, checksum.
  it.each([
    [0, 'bb1d6929e95937287fa37d129b756746'],
    [16, '070a16b46b4d4144f79bdd9dd04a287c'],
    [40, 'dfa66747de9ae63030ca32611497c827'],
    [64, '51f0bebf7e3b9d92fc49741779363cfe'],
  ])('computes the checksum of %i octets, in one part or two', (length, checksum) => {
    const mac = cmac(aes(fromHex('2b7e151628aed2a6abf7158809cf4f3c')));
    const message = fromHex(MESSAGE).subarray(0, length);
    expect(toHex(mac.digest(message))).toBe(checksum);
    expect(toHex(mac.digest(message.subarray(0, 7), message.subarray(7)))).toBe(checksum);
  });
});

describe('kdfFeedbackCmac', () => {
  // The sample key derivations of RFC 6803 §10.
  const KEY_128 = '57d0297298ffd9d35de5a47fb4bde24b';
  const KEY_256 = 'b9d6828b2056b7be656d88a123b1fac68214ac2b727ecf5f69afe0c4df2a6d2c';
  it.each([
    [KEY_128, '0000000299', 'd155775a209d05f02b38d42a389e5a56'],
    [KEY_128, '00000002aa', '64df83f85a532f17577d8c37035796ab'],
    [KEY_128, '0000000255', '3e4fbdf30fb8259c425cb6c96f1f4635'],
    [KEY_256, '0000000299', 'e467f9a9552bc7d3155a6220af9c19220eeed4ff78b0d1e6a1544991461a9e50'],
    [KEY_256, '00000002aa', '412aefc362a7285fc3966c6a5181e7605ae675235b6d549fbfc9ab6630a4c604'],
    [KEY_256, '0000000255', 'fa624fa0e523993fa388aefdc67e67ebcd8c08e8a0246b1d73b0d1dd9fc582b0'],
  ])('derives from key %s with constant %s', (key, constant, derived) => {
    const mac = cmac(nodeCiphers.camellia!(fromHex(key)));
    expect(toHex(kdfFeedbackCmac(mac, fromHex(constant), key.length / 2))).toBe(derived);
  });
});
