/** Chains of certificates: what is accepted, and each rule that is broken. */
import { constants, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { concat, fromHex, toUtf8 } from '../../../src/bytes.js';
import { formatElement } from '../../../src/mechanisms/der.js';
import { elementsOf } from '../../../src/mechanisms/gsi/elements.js';
import { parseCertificate } from '../../../src/node/gsi/certificate.js';
import { type ChainOptions, verifyChain } from '../../../src/node/gsi/chain.js';
import { type GsiTrustFiles, gsiTrust } from '../../../src/node/gsi/trust.js';
import { errorOf, onlyRefuses } from '../../helpers.js';
import {
  algorithm,
  alternativeNames,
  authority,
  CA,
  draftProxyInfo,
  type Extension,
  HOST,
  keyUsage,
  type Made,
  type MakeOptions,
  make,
  NOW,
  nameConstraints,
  newKey,
  noAuthority,
  pem,
  proxyInfo,
  purposes,
  revocationList,
  sequence,
  signingPolicy,
  USER,
  unknownCritical,
} from './certificates.js';

const SERVER_AUTH = '2b06010505070301';
const CLIENT_AUTH = '2b06010505070302';
const trustOf = (files: Partial<GsiTrustFiles> = {}) => gsiTrust({ authorities: [CA.der], ...files });
const verify = (chain: Made | readonly Uint8Array[], options: Partial<ChainOptions> = {}) =>
  verifyChain('certificates' in chain ? chain.certificates : chain, {
    trust: trustOf(),
    now: NOW,
    purpose: 'client',
    ...options,
  });
const refusal = (chain: Made | readonly Uint8Array[], options: Partial<ChainOptions> = {}) => {
  const { code, message } = errorOf(() => verify(chain, options));
  return `${code}: ${message}`;
};
const proxyOf = (issuer: Made, extension: Extension, options: MakeOptions = {}) =>
  make(`${issuer.name}/CN=1`, { issuer, extensions: [extension], ...options });
const user = (options: MakeOptions) => make('/O=Grid/CN=Bob', { issuer: CA, ...options });

const usage = (value: string) => user({ extensions: [{ type: '551d0f', value: fromHex(value), critical: true }] });
const authorityBy = (value: string) =>
  make('/O=Grid/CN=Middle', {
    issuer: CA,
    extensions: [{ type: '551d13', value: fromHex(value), critical: true }],
  });

describe('a chain is accepted', () => {
  test.each([
    ['of a user', USER, '/O=Grid/CN=Anna', false],
    ['of a user, with its authority', { ...USER, certificates: [USER.der, CA.der] }, '/O=Grid/CN=Anna', false],
    ['with a proxy', proxyOf(USER, proxyInfo('all')), '/O=Grid/CN=Anna', false],
    [
      'with a proxy of a proxy',
      proxyOf(proxyOf(USER, proxyInfo('all', 1)), proxyInfo('all')),
      '/O=Grid/CN=Anna',
      false,
    ],
    ['with a limited proxy', proxyOf(proxyOf(USER, proxyInfo('all')), proxyInfo('limited')), '/O=Grid/CN=Anna', true],
    [
      'with proxies of the draft',
      proxyOf(proxyOf(USER, draftProxyInfo('all', 1)), draftProxyInfo('limited')),
      '/O=Grid/CN=Anna',
      true,
    ],
    ['with a legacy proxy', make(`${USER.name}/CN=proxy`, { issuer: USER }), '/O=Grid/CN=Anna', false],
    ['with a legacy limited proxy', make(`${USER.name}/CN=limited proxy`, { issuer: USER }), '/O=Grid/CN=Anna', true],
    ['of a purpose that fits', user({ extensions: [purposes(SERVER_AUTH, CLIENT_AUTH)] }), '/O=Grid/CN=Bob', false],
    ['of any purpose', user({ extensions: [purposes('551d2500')] }), '/O=Grid/CN=Bob', false],
  ] as const)('%s', (_, chain, name, isLimited) => {
    expect(verify(chain)).toMatchObject({ name, isLimited });
  });

  test('of an authority with the purpose, itself or below another one', () => {
    const named = (issuer?: Made) =>
      make('/O=Grid/CN=Clients', { ...(issuer && { issuer }), extensions: [authority(), purposes(CLIENT_AUTH)] });
    const [top, below] = [named(), named(CA)];
    const chainOf = (issuer: Made) => make('/O=Grid/CN=Bob', { issuer });
    expect(verify(chainOf(top), { trust: gsiTrust({ authorities: [top.der] }) }).name).toBe('/O=Grid/CN=Bob');
    expect(verify(chainOf(below)).name).toBe('/O=Grid/CN=Bob');
    expect(refusal(chainOf(below), { purpose: 'server' })).toBe(
      'security/untrusted: /O=Grid/CN=Clients is not an authority for a server',
    );
  });

  test('whose subject is the name of its issuer and more characters', () => {
    const name = `${CA.name}constructor`;
    expect(verify(make(name, { issuer: CA })).name).toBe(name);
  });

  test('by way of authorities that the peer sends', () => {
    const middle = make('/O=Grid/CN=Middle', { issuer: CA, extensions: [authority(1)] });
    const low = make('/O=Grid/CN=Low', { issuer: middle, extensions: [authority(0)] });
    expect(verify(make('/O=Grid/CN=Bob', { issuer: low })).name).toBe('/O=Grid/CN=Bob');
    expect(
      refusal(make('/O=Grid/CN=Bob', { issuer: make('/O=Grid/CN=Lower', { issuer: low, extensions: [authority()] }) })),
    ).toBe('security/untrusted: more than 0 authorities follow /O=Grid/CN=Low');
  });

  test('if one of several authorities of the same name has signed it', () => {
    const other = make(CA.name, { extensions: [authority()] });
    expect(verify(USER, { trust: gsiTrust({ authorities: [toUtf8(pem(other.der) + pem(CA.der))] }) }).name).toBe(
      USER.name,
    );
  });
});

describe('a chain is refused', () => {
  const stranger = make(CA.name, { extensions: [authority()] });
  const proxy = proxyOf(USER, proxyInfo('all'));

  test.each([
    ['without a certificate', [], 'untrusted: the peer has sent no certificate'],
    [
      'with too many',
      Array.from({ length: 31 }, () => USER.der),
      'untrusted: the peer has sent more than 30 certificates',
    ],
    ['of octets that are no certificate', [Uint8Array.of(0x30, 0)], 'bad-token: not a certificate'],
    [
      'of another authority with the same name',
      make('/O=Grid/CN=Bob', { issuer: stranger }),
      'untrusted: /O=Grid/CN=Authority has not signed /O=Grid/CN=Bob',
    ],
    ['that is signed by itself', make('/O=Grid/CN=Bob'), 'untrusted: no trusted authority has signed /O=Grid/CN=Bob'],
    ['of the authority itself', CA, 'untrusted: /O=Grid/CN=Authority is the certificate of an authority'],
    [
      'of a user who signs a user',
      make('/O=Grid/CN=Bob', { issuer: USER }),
      'untrusted: /O=Grid/CN=Anna is not an authority',
    ],
    [
      'whose key may not sign',
      user({ extensions: [keyUsage(0x20)] }),
      'untrusted: the key of /O=Grid/CN=Bob may not sign',
    ],
    [
      'for servers only',
      user({ extensions: [purposes(SERVER_AUTH)] }),
      'untrusted: /O=Grid/CN=Bob is not a certificate for a client',
    ],
    ['that has expired', user({ to: -0.5 }), 'expired: /O=Grid/CN=Bob has expired'],
    ['that is not valid yet', user({ from: 0.5 }), 'not-yet-valid: /O=Grid/CN=Bob is not valid yet'],
    [
      'whose validity begins at a time that can not be read',
      user({ begin: '20261399000000Z' }),
      'not-yet-valid: /O=Grid/CN=Bob is not valid yet',
    ],
    ['signed with SHA-1', user({ sha1: true }), 'untrusted: /O=Grid/CN=Bob is signed with a weak or unknown hash'],
    [
      'with a critical extension that is not known',
      user({ extensions: [unknownCritical()] }),
      'bad-token: a certificate has an unknown critical extension: 2a0304',
    ],
    [
      'of a proxy alone',
      [proxy.der],
      'untrusted: the peer has sent proxy certificates without the certificate of their owner',
    ],
    [
      'of a proxy with another owner',
      [proxy.der, HOST.der],
      'untrusted: /O=Grid/CN=host/ftp.example.org has not signed /O=Grid/CN=Anna/CN=1',
    ],
    [
      'of a proxy that the owner has not signed',
      proxyOf(USER, proxyInfo('all'), { signer: newKey().privateKey }),
      'untrusted: /O=Grid/CN=Anna has not signed /O=Grid/CN=Anna/CN=1',
    ],
    [
      'of a proxy with another name',
      make('/O=Grid/CN=Eve/CN=1', { issuer: USER, extensions: [proxyInfo('all')] }),
      'untrusted: proxy /O=Grid/CN=Eve/CN=1: its name is not that of its issuer with one more CN',
    ],
    [
      'of a proxy with two more names',
      make(`${USER.name}/CN=1/CN=2`, { issuer: USER, extensions: [proxyInfo('all')] }),
      'untrusted: proxy /O=Grid/CN=Anna/CN=1/CN=2: its name is not that of its issuer with one more CN',
    ],
    [
      'of a proxy with one more name that is no CN',
      make(`${USER.name}/OU=1`, { issuer: USER, extensions: [proxyInfo('all')] }),
      'untrusted: proxy /O=Grid/CN=Anna/OU=1: its name is not that of its issuer with one more CN',
    ],
    [
      'of a proxy that an authority has signed',
      proxyOf(CA, proxyInfo('all')),
      'untrusted: proxy /O=Grid/CN=Authority/CN=1: an authority has signed it',
    ],
    [
      'of a proxy that is an authority',
      make(`${USER.name}/CN=1`, { issuer: USER, extensions: [proxyInfo('all'), authority()] }),
      'untrusted: proxy /O=Grid/CN=Anna/CN=1: it may sign as an authority',
    ],
    [
      'of a proxy with alternative names',
      make(`${USER.name}/CN=1`, { issuer: USER, extensions: [proxyInfo('all'), alternativeNames('x')] }),
      'untrusted: proxy /O=Grid/CN=Anna/CN=1: it has alternative names',
    ],
    [
      'of a proxy whose information is not critical',
      proxyOf(USER, proxyInfo('all', undefined, false)),
      'bad-token: the information of a proxy certificate must be critical',
    ],
    [
      'of a proxy with rights of its own',
      proxyOf(USER, proxyInfo('independent')),
      "untrusted: proxy /O=Grid/CN=Anna/CN=1: it does not have its owner's rights",
    ],
    [
      'of a proxy with an unknown policy',
      proxyOf(USER, proxyInfo('other')),
      "untrusted: proxy /O=Grid/CN=Anna/CN=1: it does not have its owner's rights",
    ],
    [
      'of a proxy that has expired',
      proxyOf(USER, proxyInfo('all'), { to: -0.5 }),
      'expired: /O=Grid/CN=Anna/CN=1 has expired',
    ],
    [
      'of a proxy beyond the path length',
      proxyOf(proxyOf(USER, proxyInfo('all', 0)), proxyInfo('all')),
      'untrusted: proxy /O=Grid/CN=Anna/CN=1: more than 0 proxies follow it',
    ],
    [
      'of a proxy that exceeds a limited one',
      proxyOf(proxyOf(USER, proxyInfo('limited')), proxyInfo('all')),
      'untrusted: proxy /O=Grid/CN=Anna/CN=1/CN=1: it exceeds a limited proxy',
    ],
    [
      'of proxies of two forms',
      proxyOf(make(`${USER.name}/CN=proxy`, { issuer: USER }), proxyInfo('all')),
      'untrusted: the chain mixes forms of proxy certificates',
    ],
    [
      'of a proxy whose issuer may not sign',
      proxyOf(user({ extensions: [keyUsage(0x20)] }), proxyInfo('all')),
      'untrusted: proxy /O=Grid/CN=Bob/CN=1: the key that has signed it may not sign',
    ],
    [
      'of a proxy that may not sign itself',
      make(`${USER.name}/CN=1`, { issuer: USER, extensions: [proxyInfo('all'), keyUsage(0x20)] }),
      'untrusted: proxy /O=Grid/CN=Anna/CN=1: its key may not sign',
    ],
    [
      'of a proxy for another purpose',
      make(`${USER.name}/CN=1`, { issuer: USER, extensions: [proxyInfo('all'), purposes(SERVER_AUTH)] }),
      'untrusted: proxy /O=Grid/CN=Anna/CN=1: it is not for a client',
    ],
    [
      'of a proxy of both forms',
      make(`${USER.name}/CN=1`, { issuer: USER, extensions: [proxyInfo('all'), draftProxyInfo('all')] }),
      'bad-token: a certificate has the proxy information of two forms',
    ],
    [
      'with an extension twice',
      user({ extensions: [keyUsage(0x80), keyUsage(0x20)] }),
      'bad-token: a certificate has an extension twice',
    ],
    [
      'of a client without a subject',
      make('', { issuer: CA }),
      'untrusted: the certificate of the client has no subject, which would be its name',
    ],
    ['with key usage of nine bits in an octet', usage('03020980'), 'bad-token: DER: expected a BIT STRING'],
    ['with key usage whose unused bits are set', usage('030207ff'), 'bad-token: DER: expected a BIT STRING'],
    ['with key usage of no octets', usage('0300'), 'bad-token: DER: expected a BIT STRING'],
    [
      'of an authority that is one by a BOOLEAN without an octet',
      make('/O=Grid/CN=Bob', { issuer: authorityBy('30020100') }),
      'bad-token: DER: expected a BOOLEAN',
    ],
    [
      'of an authority with more constraints than there are',
      make('/O=Grid/CN=Bob', { issuer: authorityBy('30090101ff020100020100') }),
      'bad-token: a certificate has basic constraints with unknown parts',
    ],
  ])('%s', (_, chain, message) => {
    expect(refusal(chain)).toBe(`security/${message}`);
  });

  test.each([
    ['two lengths of a path', '3012020101020101300a06082b06010505071501'],
    ['two policies', '3018300a06082b06010505071501300a06082b06010505071501'],
    ['no policy', '3003020101'],
    ['an unknown part', '300e0500300a06082b06010505071501'],
    ['two elements in a length of a path', '3014a106020101020101300a06082b06010505071501'],
    ['a policy of three parts', '3010300e06082b0601050507150104000400'],
  ])('of a proxy whose information has %s', (_, value) => {
    const proxy = proxyOf(USER, { type: '2b0601050507010e', value: fromHex(value), critical: true });
    expect(refusal(proxy)).toBe('security/bad-token: a certificate has proxy information that can not be read');
  });

  test.each([
    ['all', '06082b06010505071501'],
    ['independent', '06082b06010505071502'],
    ['limited', '060b2b060104019b5001010109'],
  ])('of a proxy with a policy, in the language %s, which has none', (_, language) => {
    for (const type of ['2b0601050507010e', '2b060104019b5001815e']) {
      const value = sequence(sequence(fromHex(`${language}040178`)));
      expect(refusal(proxyOf(USER, { type, value, critical: true }))).toBe(
        'security/bad-token: a proxy certificate has a policy in a language that has none (RFC 3820 §3.8.2)',
      );
    }
  });

  test.each(['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE'])(
    'that no authority has signed, with a signed one in a text of it, as %s',
    what => {
      const text = toUtf8(`\n${pem(USER.der, what)}\n`);
      const forged = (extensions: Extension[]) => user({ extensions, signer: newKey().privateKey });
      const inside = forged([{ type: '2a0304', value: text }]);
      // OpenSSL, called by Node, looks for PEM before it reads DER.
      expect(new X509Certificate(inside.der).subject).toBe('O=Grid\nCN=Anna');
      for (const chain of [inside, [concat(forged([]).der, text)]])
        expect(refusal(chain)).toMatch(
          /^security\/(untrusted: .* has not signed \/O=Grid\/CN=Bob|bad-token: DER: .*)$/,
        );
    },
  );

  test('if its authority has expired, or may not sign certificates', () => {
    for (const [options, message] of [
      [{ extensions: [authority()], to: -0.5 }, 'expired: /O=Grid/CN=Old has expired'],
      [{ extensions: [authority(), keyUsage(0x80)] }, 'untrusted: /O=Grid/CN=Old is not an authority'],
      [{ extensions: [noAuthority()] }, 'untrusted: /O=Grid/CN=Old is not an authority'],
      [
        { extensions: [authority(), purposes(SERVER_AUTH)] },
        'untrusted: /O=Grid/CN=Old is not an authority for a client',
      ],
      [{}, 'untrusted: /O=Grid/CN=Old is not an authority'],
    ] as const) {
      const old = make('/O=Grid/CN=Old', {
        ...options,
        extensions: [...('extensions' in options ? options.extensions : [])],
      });
      const chain = make('/O=Grid/CN=Bob', { issuer: old });
      expect(refusal(chain, { trust: gsiTrust({ authorities: [old.der] }) })).toBe(`security/${message}`);
    }
  });

  test('if a bit of a signed part is flipped', () => {
    const [der, ...others] = proxy.certificates;
    let refused = 0;
    for (let at = 4; at < der!.length; at += 7) {
      const changed = Uint8Array.from(der!);
      changed[at]! ^= 1;
      expect(refusal([changed, ...others])).toMatch(/^security\/(untrusted|bad-token|expired|not-yet-valid): /);
      refused++;
    }
    expect(refused).toBeGreaterThan(40);
  });

  test('with too many authorities of one name, since all are tried', () => {
    const sent = (count: number) =>
      Array.from({ length: count }, () => make('/O=Grid/CN=A', { extensions: [authority()] }));
    const leaf = (chain: Made[]) =>
      make('/O=Grid/CN=Bob', { issuer: { ...chain.at(-1)!, certificates: chain.map(it => it.der) } });
    expect(refusal(leaf(sent(4)))).toBe('security/untrusted: no trusted authority has signed /O=Grid/CN=Bob');
    const verify = vi.spyOn(X509Certificate.prototype, 'verify');
    expect(refusal(leaf(sent(29)))).toBe(
      'security/untrusted: the peer has sent more than 4 certificates of /O=Grid/CN=A',
    );
    expect(verify).not.toHaveBeenCalled();
    verify.mockRestore();
  });

  test('of a loop of authorities', () => {
    const [a, b] = [newKey(), newKey()];
    const first = make('/O=Grid/CN=A', { key: a, extensions: [authority()] });
    const second = make('/O=Grid/CN=B', { key: b, issuer: first, extensions: [authority()] });
    const back = make('/O=Grid/CN=A', { key: a, issuer: second, extensions: [authority()] });
    const leaf = make('/O=Grid/CN=Bob', { issuer: back });
    expect(refusal([leaf.der, back.der, second.der])).toMatch(/^security\/untrusted: no trusted authority/);
  });
});

describe('hashes of signatures', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const issuer = make('/O=Grid/CN=RSA', { key: rsa, extensions: [authority()], signing: algorithmOf('0b', 'sha256') });
  const leaf = (signing: MakeOptions['signing']) => make('/O=Grid/CN=Bob', { issuer, ...(signing && { signing }) });
  const trust = gsiTrust({ authorities: [issuer.der] });

  function algorithmOf(last: string, hash: string): NonNullable<MakeOptions['signing']> {
    return [fromHex(`300d06092a864886f70d0101${last}0500`), octets => sign(hash, octets, rsa.privateKey)];
  }

  /** @param parameters  in hex */
  function pss(parameters: string, hash: string, saltLength: number): NonNullable<MakeOptions['signing']> {
    const key = { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
    return [sequence(fromHex(`06092a864886f70d01010a${parameters}`)), octets => sign(hash, octets, key)];
  }

  const SHA256 = '300d06096086480165030402010500';
  const PSS_SHA256 = `3034a00f${SHA256}a11c301a06092a864886f70d010108${SHA256}a203020120`;

  test.each([
    ['SHA-224', algorithmOf('0e', 'sha224')],
    ['SHA-384', algorithmOf('0c', 'sha384')],
    ['SHA-512', algorithmOf('0d', 'sha512')],
    ['RSASSA-PSS with SHA-256', pss(PSS_SHA256, 'sha256', 32)],
  ])('%s is accepted', (_, signing) => {
    expect(verify(leaf(signing), { trust }).name).toBe('/O=Grid/CN=Bob');
  });

  test.each([
    ['MD5', algorithmOf('04', 'md5')],
    ['SHA-1', algorithmOf('05', 'sha1')],
    // The identifiers of OIW, which OpenSSL knows too.
    ['MD5, by another identifier', [fromHex('300906052b0e0302030500'), octets => sign('md5', octets, rsa.privateKey)]],
    [
      'SHA-1, by another identifier',
      [fromHex('300906052b0e03021d0500'), octets => sign('sha1', octets, rsa.privateKey)],
    ],
    ['RSASSA-PSS with SHA-1', pss('3000', 'sha1', 20)],
    ['RSASSA-PSS with SHA-1, by its name', pss('300da00b300906052b0e03021a0500', 'sha1', 20)],
  ] as [string, MakeOptions['signing']][])('%s is refused', (_, signing) => {
    const chain = leaf(signing);
    expect(new X509Certificate(chain.der).verify(rsa.publicKey)).toBe(true);
    expect(refusal(chain, { trust })).toBe('security/untrusted: /O=Grid/CN=Bob is signed with a weak or unknown hash');
  });
});

describe('public keys', () => {
  const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength });
  const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });

  test.each([
    ['RSA, 2048 bits', rsa(2048)],
    ['P-224', ec('P-224')],
    ['P-521', ec('P-521')],
    ['brainpool', ec('brainpoolP256r1')],
    ['Ed25519', generateKeyPairSync('ed25519')],
  ])('%s: accepted', (_, key) => {
    expect(verify(user({ key })).name).toBe('/O=Grid/CN=Bob');
  });

  test.each([
    ['RSA, 512 bits', rsa(512), 'an RSA key of 512 bits'],
    ['RSA, 1024 bits', rsa(1024), 'an RSA key of 1024 bits'],
    ['RSASSA-PSS', generateKeyPairSync('rsa-pss', { modulusLength: 1024 }), 'an RSA key of 1024 bits'],
    ['DSA', generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }), 'a DSA key of 1024 bits'],
    ['a short curve', ec('secp112r1'), 'an EC key of 112 bits'],
  ])('%s: refused', (_, key, what) => {
    const refused = `security/untrusted: /O=Grid/CN=Bob has ${what}, which is too short`;
    expect(refusal(user({ key }))).toBe(refused);
    const proxy = proxyOf(USER, proxyInfo('all'), { key });
    expect(refusal(proxy)).toBe(refused.replace('Bob', 'Anna/CN=1'));
  });

  test('a curve without a name: refused', () => {
    expect(refusal(user({ keyInfo: keyOfNamelessCurve() }))).toBe(
      'security/untrusted: /O=Grid/CN=Bob has an EC key of 0 bits, which is too short',
    );
  });

  test('of authorities', () => {
    const [short] = [rsa(1024)];
    const root = make('/O=Grid/CN=Short', { key: short, signer: CA.key, extensions: [authority()] });
    const signing: MakeOptions['signing'] = [
      fromHex('300d06092a864886f70d01010b0500'),
      octets => sign('sha256', octets, short.privateKey),
    ];
    const chain = make('/O=Grid/CN=Bob', { issuer: root, signing });
    const refused = 'security/untrusted: /O=Grid/CN=Short has an RSA key of 1024 bits, which is too short';
    expect(refusal(chain, { trust: gsiTrust({ authorities: [root.der] }) })).toBe(refused);
    const middle = make('/O=Grid/CN=Short', { key: short, issuer: CA, extensions: [authority()] });
    expect(refusal(make('/O=Grid/CN=Bob', { issuer: middle, signing }))).toBe(refused);
  });

  test('whose checks take too long', () => {
    for (const keyInfo of [
      rsaKeyInfo(8200, '010001'),
      rsaKeyInfo(3072, '0100000001'),
      rsaKeyInfo(3072, 'ff'.repeat(380)),
      dsaKeyInfo(3080),
      dsaKeyInfo(10_000),
    ]) {
      const chain = user({ keyInfo });
      const refused = 'security/untrusted: /O=Grid/CN=Bob has a key whose signatures take too long to check';
      expect(refusal(chain)).toBe(refused);
      expect(refusal([USER.der, chain.der])).toBe(refused);
    }
    for (const keyInfo of [rsaKeyInfo(8192, '010001'), rsaKeyInfo(3072, 'ffffffff'), dsaKeyInfo(3072)])
      expect(verify(user({ keyInfo })).name).toBe('/O=Grid/CN=Bob');
  });

  /** Each part of a chain whose key can't be read, since Node reads it only when it is asked for. */
  test.each([
    ['of an unknown algorithm', '300a300506032a03040301 00'.replace(' ', '')],
    ['with a point that is not on the curve', '3018301306072a8648ce3d020106082a8648ce3d030107030100'],
    ['of RSA, with no number', '3012300d06092a864886f70d01010105000301 00'.replace(' ', '')],
  ])('%s: refused', (_, hex) => {
    const keyInfo = fromHex(hex);
    const owner = make(USER.name, { issuer: CA, keyInfo });
    const middle = make('/O=Grid/CN=Middle', { issuer: CA, keyInfo, extensions: [authority()] });
    for (const chain of [owner, proxyOf(owner, proxyInfo('all')), make('/O=Grid/CN=Bob', { issuer: middle })])
      expect(refusal(chain)).toBe('security/bad-token: a certificate has a public key that is not known');
  });
});

/** A key that belongs to nothing. */
function rsaKeyInfo(bits: number, exponent: string): Uint8Array {
  const integer = (octets: Uint8Array) => formatElement(2, concat(Uint8Array.of(0), octets));
  const key = sequence(integer(new Uint8Array(bits / 8).fill(0xff)), integer(fromHex(exponent)));
  return sequence(fromHex('300d06092a864886f70d0101010500'), formatElement(3, concat(Uint8Array.of(0), key)));
}

function dsaKeyInfo(bits: number): Uint8Array {
  const integer = (octets: number) => formatElement(2, concat(Uint8Array.of(0), new Uint8Array(octets).fill(0xff)));
  const numbers = sequence(integer(bits / 8), integer(32), integer(bits / 8 - 1));
  const key = formatElement(3, concat(Uint8Array.of(0), integer(bits / 8 - 1)));
  return sequence(sequence(fromHex('06072a8648ce380401'), numbers), key);
}

/** A key on a curve that has no name: P-256 by its parameters, and with another base point. */
function keyOfNamelessCurve(): Uint8Array {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' });
  const keyInfo = publicKey.export({ format: 'der', type: 'spki' });
  const point = newKey().publicKey.export({ format: 'der', type: 'spki' }).subarray(-65);
  keyInfo.set(point, keyInfo.indexOf('046b17d1f2e12c4247', 0, 'hex'));
  return keyInfo;
}

describe('proxies are accepted by their kind', () => {
  const all = ['rfc', 'draft', 'legacy', 'limited'] as const;
  test.each([
    ['rfc', proxyOf(USER, proxyInfo('all')), 'proxies of the form rfc are not accepted'],
    ['draft', proxyOf(USER, draftProxyInfo('all')), 'proxies of the form draft are not accepted'],
    ['legacy', make(`${USER.name}/CN=proxy`, { issuer: USER }), 'proxies of the form legacy are not accepted'],
    ['limited', proxyOf(USER, proxyInfo('limited')), 'limited proxies are not accepted'],
    ['limited', proxyOf(proxyOf(USER, proxyInfo('limited')), proxyInfo('limited')), 'limited proxies are not accepted'],
    ['limited', make(`${USER.name}/CN=limited proxy`, { issuer: USER }), 'limited proxies are not accepted'],
  ] as const)('%s', (kind, chain, why) => {
    expect(verify(chain, { proxies: all }).name).toBe(USER.name);
    expect(refusal(chain, { proxies: all.filter(it => it !== kind) })).toBe(
      `security/untrusted: proxy ${chain.name}: ${why}`,
    );
    expect(refusal(chain, { proxies: [] })).toMatch(/^security\/untrusted: proxy .* not accepted$/);
    expect(verify(USER, { proxies: [] }).name).toBe(USER.name);
  });
});

describe('signing policies', () => {
  const policy = (subjects: string, name = CA.name) =>
    toUtf8(`access_id_CA X509 '${name}'\npos_rights globus CA:sign\ncond_subjects globus '${subjects}'\n`);
  const withPolicies = (...signingPolicies: Uint8Array[]) => ({ trust: trustOf({ signingPolicies }) });

  test('permit the names that match', () => {
    expect(verify(proxyOf(USER, proxyInfo('all')), withPolicies(policy('"/O=Grid/CN=A*"'))).name).toBe(USER.name);
  });

  test('refuse others, and an authority without one', () => {
    expect(refusal(USER, withPolicies(policy('"/O=Other/*"')))).toBe(
      'security/untrusted: the signing policy of /O=Grid/CN=Authority does not permit /O=Grid/CN=Anna',
    );
    expect(refusal(USER, withPolicies(policy('"*"', '/O=Other')))).toBe(
      'security/untrusted: there is no signing policy for /O=Grid/CN=Authority',
    );
  });

  test('are needed for each authority of the chain', () => {
    const middle = make('/O=Grid/CN=Middle', { issuer: CA, extensions: [authority()] });
    const chain = make('/O=Grid/CN=Bob', { issuer: middle });
    expect(refusal(chain, withPolicies(policy('"*"')))).toBe(
      'security/untrusted: there is no signing policy for /O=Grid/CN=Middle',
    );
    expect(verify(chain, withPolicies(policy('"*"'), policy('"/O=Grid/*"', '/O=Grid/CN=Middle'))).name).toBe(
      '/O=Grid/CN=Bob',
    );
  });
});

describe('a trusted authority below another trusted one', () => {
  const extensions = [authority(), keyUsage(0x06)];
  const middleBy = (issuer: Made, options: MakeOptions = {}) =>
    make('/O=Grid/CN=Middle', { issuer, extensions, ...options });
  /** The chain from it, of which the peer sends the first certificate alone. */
  const refusalBy = (middle: Made, above: Made[], files: Partial<GsiTrustFiles> = {}) => {
    const der = make('/O=Grid/CN=Bob', { issuer: middle, extensions: [alternativeNames('ftp.evil.net')] }).der;
    const authorities = [middle, ...above].map(it => it.der);
    const options = { trust: gsiTrust({ authorities, ...files }) };
    return onlyRefuses(() => verify([der], options)) === undefined ? refusal([der], options) : 'accepted';
  };

  test('may certify nothing that the other one excludes', () => {
    const excluded = nameConstraints([], [formatElement(0x82, toUtf8('evil.net'))]);
    const top = make('/O=Grid/CN=Top', { extensions: [...extensions, excluded] });
    const message = 'security/untrusted: the name constraints of /O=Grid/CN=Top exclude a DNS name of /O=Grid/CN=Bob';
    expect(refusalBy(middleBy(top), [top])).toBe(message);
    const between = make('/O=Grid/CN=Between', { issuer: top, extensions });
    expect(refusalBy(middleBy(between), [between, top])).toBe(message);
  });

  test('can be revoked by it', () => {
    const middle = middleBy(CA, { serial: 0x3333 });
    expect(refusalBy(middle, [CA], { revocationLists: [revocationList(CA, [0x3333])] })).toBe(
      'security/untrusted: /O=Grid/CN=Middle is revoked',
    );
    expect(refusalBy(middle, [CA], { revocationLists: [revocationList(CA, [0x4444])] })).toBe('accepted');
  });

  test('is bound to its time, the length of its path, and its signing policy', () => {
    const old = make('/O=Grid/CN=Top', { extensions, from: -3, to: -2 });
    expect(refusalBy(middleBy(old), [old])).toBe('security/expired: /O=Grid/CN=Top has expired');
    const short = make('/O=Grid/CN=Top', { extensions: [authority(0)] });
    expect(refusalBy(middleBy(short), [short])).toBe(
      'security/untrusted: more than 0 authorities follow /O=Grid/CN=Top',
    );
    const policies = (subjects: string) => ({
      signingPolicies: [
        toUtf8(signingPolicy('/O=Grid/CN=Middle')),
        toUtf8(signingPolicy('/O=Grid/CN=Authority', subjects)),
      ],
    });
    expect(refusalBy(middleBy(CA), [CA], policies('"/O=Grid/CN=M*"'))).toBe('accepted');
    expect(refusalBy(middleBy(CA), [CA], policies('"/O=Grid/CN=B*"'))).toBe(
      'security/untrusted: the signing policy of /O=Grid/CN=Authority does not permit /O=Grid/CN=Middle',
    );
  });

  test('is trusted alone if the other one is not there, or another has its name', () => {
    expect(refusalBy(middleBy(CA), [])).toBe('accepted');
    const other = make(CA.name, { extensions: [authority(0)] });
    expect(refusalBy(middleBy(CA), [other])).toBe('accepted');
  });

  test('is trusted if it has certified the other one too', () => {
    const [a, b] = [newKey(), newKey()];
    const [middle, top] = [make('/O=Grid/CN=Middle', { key: a }), make('/O=Grid/CN=Top', { key: b })];
    const [byTop, byMiddle] = [middleBy(top, { key: a }), make(top.name, { issuer: middle, key: b, extensions })];
    expect(refusalBy(byTop, [byMiddle])).toBe('accepted');
  });

  test('that has also signed itself is trusted by itself, also if the other one has expired', () => {
    const old = make('/O=Grid/CN=Top', { extensions, from: -3, to: -2 });
    const key = newKey();
    const itself = (options: MakeOptions = {}) => make('/O=Grid/CN=Middle', { key, extensions, ...options });
    expect(refusalBy(middleBy(old, { key }), [itself(), old])).toBe('accepted');
    expect(refusalBy(middleBy(CA, { key }), [itself({ from: -3, to: -2 }), CA])).toBe('accepted');
    expect(refusalBy(middleBy(CA, { key }), [itself({ from: 2, to: 3 }), CA])).toBe('accepted');
  });
});

/** The same list with a new signature. */
function signedAnew(list: Uint8Array): Uint8Array {
  const [content] = elementsOf(elementsOf(list)[0]!.octets);
  const signature = concat(Uint8Array.of(0), sign('sha256', content!.whole, CA.key));
  return sequence(content!.whole, algorithm(), formatElement(3, signature));
}

describe('revocation lists', () => {
  const bob = make('/O=Grid/CN=Bob', { issuer: CA, serial: 0x1234 });
  const withLists = (...revocationLists: Uint8Array[]) => ({ trust: trustOf({ revocationLists }) });

  test('refuse certificates that are on them, in DER and PEM', () => {
    expect(verify(bob, withLists(revocationList(CA, [0x1235]), revocationList(CA, []))).name).toBe('/O=Grid/CN=Bob');
    const list = revocationList(CA, [0x1111, 0x1234]);
    for (const file of [list, toUtf8(pem(list, 'X509 CRL'))]) {
      expect(refusal(bob, withLists(file))).toBe('security/untrusted: /O=Grid/CN=Bob is revoked');
    }
    expect(refusal(proxyOf(bob, proxyInfo('all')), withLists(list))).toBe(
      'security/untrusted: /O=Grid/CN=Bob is revoked',
    );
  });

  test('must be current, and signed by the authority', () => {
    const notCurrent = 'security/expired: the revocation list of /O=Grid/CN=Authority is not current';
    expect(refusal(bob, withLists(revocationList(CA, [], { to: -0.5 })))).toBe(notCurrent);
    expect(refusal(bob, withLists(revocationList(CA, [], { from: 0.5 })))).toBe(notCurrent);
    expect(verify(bob, withLists(revocationList(CA, [], { to: 10_000 }))).name).toBe('/O=Grid/CN=Bob');
    expect(refusal(bob, withLists(revocationList(CA, [], { signer: USER })))).toBe(
      'security/untrusted: a revocation list of /O=Grid/CN=Authority is not signed by it',
    );
  });

  test('may write the name of the authority in another way, as OpenSSL compares names', () => {
    for (const name of ['/O=GRID/CN=authority', '/O= Grid/CN=Authority ']) {
      const list = revocationList({ ...CA, name }, [0x1234], { signer: CA });
      expect(refusal(bob, withLists(list))).toBe('security/untrusted: /O=Grid/CN=Bob is revoked');
    }
    const octets = Buffer.from(revocationList(CA, [0x1234]))
      .toString('latin1')
      .replace('\x0c\x04Grid', '\x13\x04Grid');
    expect(refusal(bob, withLists(signedAnew(Buffer.from(octets, 'latin1'))))).toBe(
      'security/untrusted: /O=Grid/CN=Bob is revoked',
    );
  });

  test('of an authority whose name differs by case only are not those of this one', () => {
    const extensions = [authority(), keyUsage(0x06)];
    const [small, large] = ['/O=Grid/CN=Twin', '/O=Grid/CN=TWIN'].map(name => make(name, { extensions })) as [
      Made,
      Made,
    ];
    const trust = (...revocationLists: Uint8Array[]) => ({
      trust: gsiTrust({ authorities: [small.der, large.der], revocationLists }),
    });
    const both = trust(revocationList(small, [0x1234]), revocationList(large, [0x2345]));
    const by = (issuer: Made, serial: number) => make('/O=Grid/CN=Bob', { issuer, serial });
    for (const [issuer, revoked, right] of [
      [small, 0x1234, 0x2345],
      [large, 0x2345, 0x1234],
    ] as const) {
      expect(verify(by(issuer, right), both).name).toBe('/O=Grid/CN=Bob');
      expect(refusal(by(issuer, revoked), both)).toBe('security/untrusted: /O=Grid/CN=Bob is revoked');
    }
    // The name that the other one has is still that of this one, if it has signed the list.
    const list = revocationList(large, [0x1234], { signer: small });
    expect(refusal(by(small, 0x1234), trust(list))).toBe('security/untrusted: /O=Grid/CN=Bob is revoked');
    const byStranger = trust(revocationList(large, [], { signer: USER }));
    expect(refusal(by(small, 0x1234), byStranger)).toBe(
      'security/untrusted: a revocation list of /O=Grid/CN=Twin is not signed by it',
    );
  });

  test('of an authority of the same name, but another key, are refused', () => {
    const extensions = [authority(), keyUsage(0x06)];
    const [old, anew] = [make('/O=Grid/CN=Twin', { extensions }), make('/O=Grid/CN=Twin', { extensions })];
    const trust = gsiTrust({ authorities: [old.der, anew.der], revocationLists: [revocationList(old, [])] });
    expect(refusal(make('/O=Grid/CN=Bob', { issuer: anew }), { trust })).toBe(
      'security/untrusted: a revocation list of /O=Grid/CN=Twin is not signed by it',
    );
  });

  test.each(['261323120000Z', '261100120000Z', '261131120000Z', '261123250000Z', '2611231200000'])(
    'with the time %s are refused',
    time => {
      const octets = Buffer.from(revocationList(CA, [])).toString('latin1').replace('261123120000Z', time);
      expect(errorOf(() => withLists(Buffer.from(octets, 'latin1'))).message).toBe('a time that is not of RFC 5280');
    },
  );

  test('with a string whose characters are not certain in the name are those of that name in these octets alone', () => {
    const octets = Buffer.from(revocationList(CA, [0x1234]))
      .toString('latin1')
      .replace('\x0c\x04Grid', '\x14\x04Gr\xefd');
    expect(verify(bob, withLists(signedAnew(Buffer.from(octets, 'latin1')))).name).toBe('/O=Grid/CN=Bob');
  });

  test('whose name can not be read are refused', () => {
    const octets = Buffer.from(revocationList(CA, [0x1234]))
      .toString('latin1')
      .replace('\x31\x0d', '\x30\x0d');
    expect(errorOf(() => withLists(Buffer.from(octets, 'latin1'))).code).toBe('security/bad-token');
  });

  test.each([
    ['another type than the certificates', '\x30\x2a\x30\x13', '\x10\x2a\x30\x13'],
    ['another type than the next time', '\x17\x0d261123', '\x04\x0d261123'],
  ])('with an element of %s are refused', (_, element, other) => {
    const octets = Buffer.from(revocationList(CA, [0x1234, 0x2345])).toString('latin1');
    expect(octets).toContain(element);
    expect(errorOf(() => withLists(Buffer.from(octets.replace(element, other), 'latin1'))).message).toBe(
      'a revocation list has unknown parts',
    );
  });

  test('of other authorities change nothing, nor does a missing one', () => {
    expect(verify(bob, withLists(revocationList(USER, [0x1234]))).name).toBe('/O=Grid/CN=Bob');
    expect(verify(bob, withLists()).name).toBe('/O=Grid/CN=Bob');
  });

  test('are for every certificate of the chain, also of a proxied one', () => {
    const middle = make('/O=Grid/CN=Middle', { issuer: CA, serial: 0x1234, extensions: [authority()] });
    const proxied = proxyOf(make('/O=Grid/CN=Carl', { issuer: middle, serial: 0x2345 }), proxyInfo('all'));
    expect(verify(proxied, withLists(revocationList(CA, []), revocationList(middle, []))).name).toBe('/O=Grid/CN=Carl');
    expect(refusal(proxied, withLists(revocationList(CA, [0x1234])))).toBe(
      'security/untrusted: /O=Grid/CN=Middle is revoked',
    );
    expect(refusal(proxied, withLists(revocationList(middle, [0x2345])))).toBe(
      'security/untrusted: /O=Grid/CN=Carl is revoked',
    );
    expect(refusal(proxied, withLists(revocationList(CA, []), revocationList(middle, [], { to: -0.5 })))).toBe(
      'security/expired: the revocation list of /O=Grid/CN=Middle is not current',
    );
  });

  test('with a number that is not in its shortest form are refused, as it would be no other one', () => {
    expect(errorOf(() => withLists(revocationList(CA, [0x0034]))).message).toBe(
      'DER: expected an INTEGER in its shortest form',
    );
    expect(refusal(user({ serial: 0x0034 }))).toBe('security/bad-token: not a certificate');
  });

  test('with a critical extension are refused', () => {
    const number: Extension = { type: '551d14', value: fromHex('020101') };
    expect(verify(USER, withLists(revocationList(CA, [], { extensions: [number] }))).name).toBe(USER.name);
    const refused = revocationList(CA, [], { extensions: [{ ...number, critical: true }] });
    expect(errorOf(() => withLists(refused)).message).toBe('a revocation list has a critical extension');
  });

  test.each([
    ['that say what has changed', '551d1b', '020101'],
    ['of only some certificates', '551d1c', '30038201ff'],
  ])('%s are refused, also if the extension is not critical, as it must be', (_, type, value) => {
    for (const critical of [false, true]) {
      const list = revocationList(CA, [], { extensions: [{ type, value: fromHex(value), critical }] });
      expect(errorOf(() => withLists(list)).message).toMatch(/^a revocation list (?:that is not whole|has a critical)/);
    }
  });
});

test('a certificate has its fields', () => {
  const { subject, issuer, notBefore, notAfter, purposes: some, hasAlternativeNames } = parseCertificate(HOST.der);
  expect({ subject, issuer, some, hasAlternativeNames }).toEqual({
    subject: '/O=Grid/CN=host/ftp.example.org',
    issuer: '/O=Grid/CN=Authority',
    some: undefined,
    hasAlternativeNames: true,
  });
  expect([notBefore, notAfter]).toEqual([NOW - 86_400_000, NOW + 86_400_000]);
});
