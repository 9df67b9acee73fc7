/** Certificates that tests make: any names, extensions and issuers, also those that no authority would sign. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { concat, fromHex, toUtf8 } from '../../../src/bytes.js';
import { formatElement } from '../../../src/mechanisms/der.js';
import type { GsiCredential } from '../../../src/node/gsi/credential.js';

export const NOW = Date.UTC(2026, 10, 22, 12);
const DAY = 86_400_000;

export const sequence = (...parts: Uint8Array[]) => formatElement(0x30, concat(...parts));
const oid = (hex: string) => formatElement(6, fromHex(hex));
const integer = (...octets: number[]) => formatElement(2, Uint8Array.from(octets));
const bits = (octets: Uint8Array) => formatElement(3, concat(Uint8Array.of(0), octets));
const explicit = (number: number, ...parts: Uint8Array[]) => formatElement(0xa0 + number, concat(...parts));
const TRUE = Uint8Array.of(1, 1, 0xff);
const ATTRIBUTES: Readonly<Record<string, string>> = { O: '55040a', OU: '55040b', CN: '550403' };

export interface Extension {
  type: string;
  value: Uint8Array;
  critical?: boolean;
}

const extension = (type: string, value: Uint8Array, critical = true): Extension => ({ type, value, critical });

export const authority = (pathLength?: number): Extension =>
  extension('551d13', sequence(TRUE, ...(pathLength === undefined ? [] : [integer(pathLength)])));
export const noAuthority = (): Extension => extension('551d13', sequence());
/** @param octet  0x80 signs, 0x04 signs certificates, 0x02 signs revocation lists */
export const keyUsage = (octet: number): Extension => extension('551d0f', bits(Uint8Array.of(octet)));
export const purposes = (...types: string[]): Extension => extension('551d25', sequence(...types.map(oid)), false);
export const alternativeNames = (...names: string[]): Extension =>
  extension('551d11', sequence(...names.map(name => formatElement(0x82, toUtf8(name)))), false);
export const unknownCritical = (): Extension => extension('2a0304', sequence());

/** Name constraints from permitted and excluded subtrees, each a general name and what follows it. */
export function nameConstraints(permitted: Uint8Array[], excluded: Uint8Array[] = []): Extension {
  const subtrees = (tag: number, list: Uint8Array[]) =>
    list.length === 0 ? [] : [formatElement(tag, concat(...list.map(it => sequence(it))))];
  return { type: '551d1e', value: sequence(...subtrees(0xa0, permitted), ...subtrees(0xa1, excluded)), critical: true };
}

export const LANGUAGES = {
  all: '2b06010505071501',
  independent: '2b06010505071502',
  limited: '2b060104019b5001010109',
  other: '2a0305',
} as const;

export function proxyInfo(
  rights: keyof typeof LANGUAGES,
  pathLength?: number,
  critical = true,
  policy?: string,
): Extension {
  const length = pathLength === undefined ? [] : [integer(pathLength)];
  const text = policy === undefined ? [] : [formatElement(4, toUtf8(policy))];
  return extension('2b0601050507010e', sequence(...length, sequence(oid(LANGUAGES[rights]), ...text)), critical);
}

/** The form of the draft: the path length is behind the policy. */
export function draftProxyInfo(rights: keyof typeof LANGUAGES, pathLength?: number): Extension {
  const length = pathLength === undefined ? [] : [explicit(1, integer(pathLength))];
  return extension('2b060104019b5001815e', sequence(sequence(oid(LANGUAGES[rights])), ...length));
}

export interface Made extends GsiCredential {
  /** The name, as `/O=Grid/CN=Anna`. */
  name: string;
  der: Uint8Array;
}

export interface MakeOptions {
  issuer?: Made;
  /** Default: the certificates of the issuer follow, but not that of an authority without an issuer. */
  extensions?: Extension[];
  /** In days from NOW. */
  from?: number;
  to?: number;
  serial?: number;
  /** Signs in place of the issuer. */
  signer?: KeyObject;
  key?: KeyPair;
  /** The public key in DER, in place of that of `key`. */
  keyInfo?: Uint8Array;
  sha1?: boolean;
  /** The algorithm of the signature in DER, and what signs with it. */
  signing?: readonly [algorithm: Uint8Array, sign: (octets: Uint8Array) => Uint8Array];
  /** A GeneralizedTime in place of `from`. */
  begin?: string;
}

export interface KeyPair {
  publicKey: KeyObject;
  privateKey: KeyObject;
}

export const newKey = (): KeyPair => generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** A name in DER from its parts, each with a slash before it; a slash in a value is written as `\/`. */
export function nameOf(text: string): Uint8Array {
  const parts = text.split(/(?<!\\)\//).slice(1);
  return sequence(
    ...parts.map(part => {
      const [type, value] = [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1).replace('\\/', '/')];
      return formatElement(0x31, sequence(oid(ATTRIBUTES[type]!), formatElement(0x0c, toUtf8(value))));
    }),
  );
}

/** UTCTime until 2049, and GeneralizedTime later (RFC 5280 §4.1.2.5); Globus misreads other ones in a credential of its own. */
export function timeOf(milliseconds: number): Uint8Array {
  const text = new Date(milliseconds).toISOString().replace(/[-:T]|\.\d+/g, '');
  return text < '2050' ? formatElement(0x17, toUtf8(text.slice(2))) : formatElement(0x18, toUtf8(text));
}

export const algorithm = (sha1 = false) => sequence(oid(sha1 ? '2a8648ce3d0401' : '2a8648ce3d040302'));

// Two octets, the first of which is neither 0 nor negative.
let made = 0x2000;

/** A certificate with its key, and the chain behind it. */
export function make(name: string, options: MakeOptions = {}): Made {
  const { issuer, extensions = [], from = -1, to = 1, serial = ++made, key = newKey(), sha1 = false } = options;
  const signer = options.signer ?? issuer?.key ?? key.privateKey;
  const { signing = [algorithm(sha1), octets => sign(sha1 ? 'sha1' : 'sha256', octets, signer)], begin } = options;
  const signed = sequence(
    explicit(0, integer(2)),
    integer(serial >> 8, serial & 0xff),
    signing[0],
    nameOf(issuer?.name ?? name),
    sequence(
      begin === undefined ? timeOf(NOW + from * DAY) : formatElement(0x18, toUtf8(begin)),
      timeOf(NOW + to * DAY),
    ),
    nameOf(name),
    options.keyInfo ?? key.publicKey.export({ format: 'der', type: 'spki' }),
    ...(extensions.length === 0 ? [] : [explicit(3, sequence(...extensions.map(formatExtension)))]),
  );
  const der = sequence(signed, signing[0], bits(signing[1](signed)));
  const above = issuer === undefined ? [] : issuer.certificates;
  return { name, der, certificates: [der, ...above], key: key.privateKey };
}

function formatExtension({ type, value, critical = false }: Extension): Uint8Array {
  return sequence(oid(type), ...(critical ? [TRUE] : []), formatElement(4, value));
}

/** A certificate request (RFC 2986 §4) with an empty name. */
export function certificateRequest({ publicKey, privateKey }: KeyPair, signer: KeyObject = privateKey): Uint8Array {
  const keyInfo = publicKey.export({ format: 'der', type: 'spki' });
  const info = sequence(integer(0), sequence(), keyInfo, explicit(0));
  const named = publicKey.asymmetricKeyType === 'rsa' ? sequence(oid('2a864886f70d01010b')) : algorithm();
  return sequence(info, named, bits(sign('sha256', info, signer)));
}

/** A list of revoked serial numbers. */
export function revocationList(
  issuer: Made,
  serials: number[],
  options: { from?: number; to?: number; signer?: Made; extensions?: Extension[] } = {},
) {
  const { from = -1, to = 1, signer = issuer, extensions = [] } = options;
  const revoked = serials.map(serial => sequence(integer(serial >> 8, serial & 0xff), timeOf(NOW)));
  const list = sequence(
    integer(1),
    algorithm(),
    nameOf(issuer.name),
    timeOf(NOW + from * DAY),
    timeOf(NOW + to * DAY),
    ...(revoked.length === 0 ? [] : [sequence(...revoked)]),
    ...(extensions.length === 0 ? [] : [explicit(0, sequence(...extensions.map(formatExtension)))]),
  );
  return sequence(list, algorithm(), bits(sign('sha256', list, signer.key)));
}

export function pem(der: Uint8Array, what = 'CERTIFICATE'): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .match(/.{1,64}/g)!;
  return [`-----BEGIN ${what}-----`, ...lines, `-----END ${what}-----`, ''].join('\n');
}

export const signingPolicy = (authority: string, subjects = '"*"') =>
  `access_id_CA X509 '${authority}'\npos_rights globus CA:sign\ncond_subjects globus '${subjects}'\n`;

/** A small grid: an authority, a user and a host. */
export const CA: Made = make('/O=Grid/CN=Authority', { extensions: [authority(), keyUsage(0x06)] });
export const USER: Made = make('/O=Grid/CN=Anna', { issuer: CA, extensions: [noAuthority(), keyUsage(0xa0)] });
export const HOST: Made = make('/O=Grid/CN=host\\/ftp.example.org', {
  issuer: CA,
  extensions: [noAuthority(), alternativeNames('ftp.example.org')],
});
