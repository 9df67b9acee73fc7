/** Proxy certificates that the client signs for a server; OpenSSL, and our own check of chains, judge them. */
import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { concat } from '../../../src/bytes.js';
import { parseCertificate } from '../../../src/node/gsi/certificate.js';
import { verifyChain } from '../../../src/node/gsi/chain.js';
import { type GsiDelegation, proxySigner } from '../../../src/node/gsi/proxy-certificate.js';
import { errorOf } from '../../helpers.js';
import {
  CA,
  certificateRequest,
  draftProxyInfo,
  type KeyPair,
  keyUsage,
  type Made,
  make,
  NOW,
  newKey,
  pem,
  proxyInfo,
  USER,
} from './certificates.js';
import { trust } from './sides.js';

const HOUR = 3_600_000;
const proxyOf = (issuer: Made, ...[rights, pathLength]: Parameters<typeof proxyInfo>) =>
  make(`${issuer.name}/CN=1`, { issuer, extensions: [proxyInfo(rights, pathLength)] });

/** The chain of a credential that was delegated, and the proxy's own certificate. */
function delegated(credential: Made, options: GsiDelegation = {}, key: KeyPair = newKey(), now = NOW) {
  const der = proxySigner(credential, options)(certificateRequest(key), now);
  return { chain: [der, ...credential.certificates], proxy: parseCertificate(der), key };
}

describe('a proxy certificate', () => {
  const rsaKey = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rsaUser = make('/O=Grid/CN=Rita', { issuer: CA, key: rsaKey });
  const edUser = make('/O=Grid/CN=Edda', { issuer: CA, key: generateKeyPairSync('ed25519') });

  test.each([
    ['of a user', USER, {}, 'limited'],
    ['of a user, with all rights', USER, { rights: 'all' }, 'all'],
    ['of a proxy', proxyOf(USER, 'all', 1), { rights: 'all' }, 'all'],
    ['of a limited proxy, whatever is asked for', proxyOf(USER, 'limited'), { rights: 'all' }, 'limited'],
    ['of an RSA key', rsaUser, {}, 'limited'],
    ['of an Ed25519 key', edUser, {}, 'limited'],
  ] as const)('%s is right', (_, credential, options, rights) => {
    const { chain, proxy, key } = delegated(credential, options);
    expect(proxy.proxy).toEqual({ form: 'rfc', rights, pathLength: undefined });
    expect(proxy.x509.publicKey.equals(key.publicKey)).toBe(true);
    expect(proxy.subject).toMatch(new RegExp(`^${credential.name}/CN=\\d{19}$`));
    expect(BigInt(`0x${proxy.serial}`).toString()).toBe(proxy.subject.slice(proxy.subject.lastIndexOf('=') + 1));
    expect([proxy.notBefore, proxy.notAfter]).toEqual([NOW - 300_000, NOW + 12 * HOUR]);
    expect(proxy.keyUsage).toEqual({ signs: true, signsCertificates: false, signsRevocations: false });
    const owner = parseCertificate(credential.certificates.at(-2)!).subject;
    expect(verifyChain(chain, { trust, now: NOW, purpose: 'client' })).toMatchObject({
      name: owner,
      isLimited: rights === 'limited',
    });
  });

  test.each([USER, rsaUser, proxyOf(USER, 'all')])('$name: OpenSSL verifies it', credential => {
    const { chain } = delegated(credential, { rights: 'all' });
    const folder = mkdtempSync(join(tmpdir(), 'proxy-'));
    const put = (name: string, certificates: readonly Uint8Array[]) => {
      writeFileSync(join(folder, name), certificates.map(it => pem(it)).join(''));
      return join(folder, name);
    };
    const [leaf, ...others] = chain;
    const files = ['-CAfile', put('ca', [CA.der]), '-untrusted', put('chain', others), put('leaf', [leaf!])];
    const time = ['-attime', `${NOW / 1000}`];
    const said = execFileSync('openssl', ['verify', '-allow_proxy_certs', ...time, ...files]);
    expect(said.toString()).toContain('OK');
  });

  test('is valid as long as is asked for, and no longer than what it is made from', () => {
    const day = 24 * HOUR;
    expect(delegated(USER, { lifetime: HOUR }).proxy.notAfter).toBe(NOW + HOUR);
    expect(delegated(USER, { lifetime: Infinity }).proxy.notAfter).toBe(NOW + day);
    const young = make('/O=Grid/CN=Bob', { issuer: CA, from: 0 });
    expect(delegated(young).proxy.notBefore).toBe(NOW);
    const lasting = make('/O=Grid/CN=Bob', { issuer: CA, to: 36_500 });
    expect(delegated(lasting, { lifetime: 30_000 * day }).proxy.notAfter).toBe(NOW + 30_000 * day);
  });

  test('has a number of its own each time', () => {
    const signProxy = proxySigner(USER, {});
    const request = certificateRequest(newKey());
    const serials = [1, 2, 3].map(() => new X509Certificate(signProxy(request, NOW)).serialNumber);
    expect(new Set(serials).size).toBe(3);
  });
});

describe('a credential is not delegated', () => {
  test.each([
    ['of a proxy without further proxies', proxyOf(USER, 'all', 0), 'no further proxy may follow it'],
    ['of such a proxy below', proxyOf(proxyOf(USER, 'all', 1), 'all'), 'no further proxy may follow it'],
    ['of a proxy with rights of its own', proxyOf(USER, 'independent'), "it does not have its owner's rights"],
    ['of a proxy of another policy', proxyOf(USER, 'other'), "it does not have its owner's rights"],
    [
      'of a proxy of the draft',
      make(`${USER.name}/CN=1`, { issuer: USER, extensions: [draftProxyInfo('all')] }),
      'it is a proxy of an older form',
    ],
    ['of a legacy proxy', make(`${USER.name}/CN=proxy`, { issuer: USER }), 'it is a proxy of an older form'],
    [
      'of a key that may not sign',
      make('/O=Grid/CN=Bob', { issuer: CA, extensions: [keyUsage(0x20)] }),
      'its key may not sign',
    ],
  ])('%s', (_, credential, why) => {
    const { code, side, message } = errorOf(() => proxySigner(credential, {}));
    expect([code, side, message]).toEqual([
      'security/untrusted',
      'local',
      `${credential.name} can't be delegated: ${why}`,
    ]);
  });

  test('that has expired', () => {
    const { code, side } = errorOf(() => delegated(USER, {}, newKey(), NOW + 24 * HOUR));
    expect([code, side]).toEqual(['security/expired', 'local']);
  });

  test('with options of the wrong kind', () => {
    expect(() => proxySigner(USER, { rights: 'some' as 'all' })).toThrow(TypeError);
    for (const lifetime of [0, -1, NaN]) expect(() => proxySigner(USER, { lifetime })).toThrow(RangeError);
  });
});

describe('a certificate request is refused', () => {
  const signProxy = proxySigner(USER, {});
  const rsaKey = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const exponent = Buffer.from('0100000001', 'hex').toString('base64url');
  const slowKey = createPublicKey({
    key: { ...rsaKey.publicKey.export({ format: 'jwk' }), e: exponent },
    format: 'jwk',
  });
  const request = certificateRequest(newKey());
  /** The last octet of the object identifier of ECDSA with SHA-256. */
  const hashAt = Buffer.from(request).indexOf(Buffer.from('2a8648ce3d040302', 'hex')) + 7;

  test.each([
    ['that another key has signed', certificateRequest(newKey(), newKey().privateKey), 'bad-token'],
    [
      'for a key that signs with no hash',
      certificateRequest(generateKeyPairSync('ed25519'), newKey().privateKey),
      'bad-token',
    ],
    [
      'for a key that does not sign',
      certificateRequest(generateKeyPairSync('x25519'), newKey().privateKey),
      'bad-token',
    ],
    ['for a short key', certificateRequest(generateKeyPairSync('rsa', { modulusLength: 1024 })), 'weak'],
    [
      'for a key whose signatures take long to check',
      certificateRequest({ publicKey: slowKey, privateKey: rsaKey.privateKey }),
      'weak',
    ],
    ['of no octets', new Uint8Array(), 'bad-token'],
    ['that is a certificate', USER.der, 'bad-token'],
    ['with octets behind it', concat(request, request), 'bad-token'],
    ['of another algorithm', Uint8Array.from(request, (octet, i) => (i === hashAt ? 1 : octet)), 'bad-token'],
  ])('%s', (_, bad, code) => {
    expect(errorOf(() => signProxy(bad, NOW)).code).toBe(`security/${code}`);
  });

  test('with any bit flipped, or cut', () => {
    for (let at = 0; at < request.length; at++) {
      const changed = Uint8Array.from(request);
      changed[at]! ^= 1;
      expect(errorOf(() => signProxy(changed, NOW)).code, `${at}`).toMatch(/^security\/(bad-token|weak)$/);
      expect(errorOf(() => signProxy(request.subarray(0, at), NOW)).code).toBe('security/bad-token');
    }
  });
});
