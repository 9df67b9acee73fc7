/**
 * Certificates and revocation lists with octets changed at random before they are signed: an authority with name constraints, an owner,
 * a proxy. OpenSSL has to accept what our own check accepts; ours may be stricter.
 */
import { spawnSync } from 'node:child_process';
import { sign } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, toUtf8 } from '../../src/bytes.js';
import { formatElement } from '../../src/mechanisms/der.js';
import { elementsOf } from '../../src/mechanisms/gsi/elements.js';
import { verifyChain } from '../../src/node/gsi/chain.js';
import { gsiTrust } from '../../src/node/gsi/trust.js';
import { onlyRefuses } from '../helpers.js';
import {
  algorithm,
  authority,
  CA,
  keyUsage,
  type Made,
  make,
  NOW,
  nameConstraints,
  nameOf,
  noAuthority,
  pem,
  proxyInfo,
  purposes,
  revocationList,
  sequence,
} from '../node/gsi/certificates.js';

const SEED = Number(process.env['INTEROP_SEED'] ?? 2228);
/** Changed certificates of each kind. About one in fifty is still accepted. */
const RUNS = Number(process.env['INTEROP_CERTIFICATES'] ?? 3000);
/** Not the end of any validity: at that very moment a certificate is still valid for us (RFC 5280 §4.1.2.5). */
const TIME = NOW + 1_234_000;

const dns = (name: string) => formatElement(0x82, toUtf8(name));
const mail = (name: string) => formatElement(0x81, toUtf8(name));
const address = (...octets: number[]) => formatElement(0x87, Uint8Array.from(octets));
const directory = (name: string) => formatElement(0xa4, nameOf(name));

const OWNER = '/O=Grid/CN=Anna';
const constraints = nameConstraints(
  [dns('example.org'), directory('/O=Grid'), mail('example.org'), address(192, 0, 2, 0, 255, 255, 255, 0)],
  [dns('evil.example.org')],
);
const names = [dns('ftp.example.org'), address(192, 0, 2, 7), mail('a@example.org'), directory('/O=Grid/CN=x')];
const ofOwner = [
  noAuthority(),
  keyUsage(0xa0),
  purposes('2b06010505070302'),
  { type: '551d11', value: sequence(...names) },
];
const MIDDLE = make('/O=Grid/CN=Middle', { issuer: CA, extensions: [authority(0), keyUsage(0x06), constraints] });
const ANNA = make(OWNER, { issuer: MIDDLE, extensions: ofOwner });
const PROXY = make(`${OWNER}/CN=1`, { issuer: ANNA, extensions: [proxyInfo('all', 3), keyUsage(0x80)] });

/** An octet is replaced, one of its bits flipped, or made equal to the one before it. */
const change = fc.noBias(fc.record({ place: fc.nat(2 ** 30), how: fc.nat(264) }));
type Change = typeof change extends fc.Arbitrary<infer Value> ? Value : never;

/** A signed structure in which these octets are others, with a new signature. */
function signedAnew(der: Uint8Array, issuer: Made, changes: readonly Change[]): Uint8Array {
  const [signed] = elementsOf(elementsOf(der)[0]!.octets);
  const octets = Uint8Array.from(signed!.whole);
  for (const { place, how } of changes) {
    const at = place % octets.length;
    if (how < 256) octets[at] = how;
    else if (how < 264) octets[at]! ^= 1 << (how - 256);
    else octets[at] = octets[at - 1] ?? 0;
  }
  const signature = concat(Uint8Array.of(0), sign('sha256', octets, issuer.key));
  return sequence(octets, algorithm(), formatElement(3, signature));
}

function changed(made: Made, issuer: Made, changes: readonly Change[]): Made {
  const der = signedAnew(made.der, issuer, changes);
  return { ...made, der, certificates: [der, ...made.certificates.slice(1)] };
}

type Changed = (changes: readonly Change[]) => Made;
const CHAINS: Readonly<Record<string, Changed>> = {
  authority: changes => {
    const issuer = { ...changed(MIDDLE, CA, changes), name: MIDDLE.name };
    return make(OWNER, { issuer, signer: MIDDLE.key, extensions: ofOwner });
  },
  owner: changes => changed(ANNA, MIDDLE, changes),
  proxy: changes => changed(PROXY, ANNA, changes),
};

const folder = mkdtempSync(join(tmpdir(), 'certificates-'));
function put(name: string, files: readonly Uint8Array[], what?: string): string {
  writeFileSync(join(folder, name), files.map(it => pem(it, what)).join(''));
  return join(folder, name);
}

const SOME = fc.sample(fc.array(change, { minLength: 1, maxLength: 2 }), { numRuns: RUNS, seed: SEED });

describe('a changed certificate that we accept is accepted by OpenSSL: that of', () => {
  const trust = gsiTrust({ authorities: [CA.der] });
  const OPTIONS = ['-allow_proxy_certs', '-purpose', 'sslclient', '-attime', `${TIME / 1000}`];

  function refusalOfOpenssl([leaf, ...others]: readonly Uint8Array[]): string {
    const files = ['-CAfile', put('ca', [CA.der]), '-untrusted', put('others', others), put('leaf', [leaf!])];
    const { status, stderr } = spawnSync('openssl', ['verify', ...OPTIONS, ...files]);
    return status === 0 ? '' : `${stderr}`;
  }

  test.each(Object.keys(CHAINS))('the %s', { timeout: 600_000 }, kind => {
    const accepted = [[], ...SOME]
      .map(changes => CHAINS[kind]!(changes).certificates)
      .filter(chain => onlyRefuses(() => verifyChain(chain, { trust, now: TIME, purpose: 'client' })) !== undefined);
    expect(accepted.length).toBeGreaterThan(RUNS / 200);
    const refusals = accepted.map(refusalOfOpenssl).filter(why => why !== '');
    expect(refusals).toEqual([]);
  });
});

test('who is revoked for OpenSSL by a changed list is not accepted by us', { timeout: 600_000 }, () => {
  const list = revocationList(CA, [0x1234, 0x2345]);
  const user = make('/O=Grid/CN=Bob', { issuer: CA, serial: 0x1234, extensions: [noAuthority()] });
  const isAccepted = (der: Uint8Array) =>
    onlyRefuses(() => {
      const trust = gsiTrust({ authorities: [CA.der], revocationLists: [der] });
      return verifyChain(user.certificates, { trust, now: TIME, purpose: 'client' });
    }) !== undefined;
  const accepted = SOME.map(changes => signedAnew(list, CA, changes)).filter(isAccepted);
  expect(accepted.length).toBeGreaterThan(RUNS / 50);
  const files = ['-CAfile', put('ca', [CA.der]), put('leaf', [user.der])];
  const time = ['-crl_check', '-attime', `${TIME / 1000}`];
  const revoked = accepted.filter(der => {
    const options = [...time, '-CRLfile', put('list', [der], 'X509 CRL'), ...files];
    return /certificate revoked/.test(`${spawnSync('openssl', ['verify', ...options]).stderr}`);
  });
  expect(revoked.map(der => Buffer.from(der).toString('hex'))).toEqual([]);
});
