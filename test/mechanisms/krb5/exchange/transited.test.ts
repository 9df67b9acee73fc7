/** The realms that a ticket came through: the list of them, and which are trusted (RFC 4120 §2.7 and §3.3.3.2). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeTransited,
  refusedTransit,
  type TransitPolicy,
} from '../../../../src/mechanisms/krb5/exchange/transited.js';
import { ascii, errorOf, expectCode, onlyRefuses } from '../../../helpers.js';
import { CASES, MALFORMED } from './transited-cases.js';

const DEFAULT: TransitPolicy = { transitedRealms: [], hierarchicalTrust: true };

/** Why a list of type 1 is refused. */
function refused(client: string, server: string | undefined, contents: string, policy: Partial<TransitPolicy> = {}) {
  const transited = { trType: 1, contents: ascii(contents) };
  return refusedTransit({ crealm: client, transited }, server, { ...DEFAULT, ...policy });
}

describe('a list', () => {
  test.each(CASES)('$name: $contents stands for $realms', ({ client, server, contents, realms }) => {
    expect(decodeTransited(ascii(contents), client, server)).toEqual(realms);
  });

  test.each(MALFORMED)('%s is malformed', (_name, contents) => {
    expectCode(() => decodeTransited(ascii(contents), 'A', 'B'), 'security/bad-token');
    expectCode(() => refused('A', 'B', contents, { transitedRealms: ['CORP.COM'] }), 'security/bad-token');
  });

  test('of any names is read as it was written', () => {
    const quoted = (name: string) => ` ${name.replace(/[,\\ ]/g, '\\$&')}`;
    const name = fc.string({ unit: fc.constantFrom(...'AB.,\\/ '), minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(name, { maxLength: 8 }), names => {
        expect(decodeTransited(ascii(names.map(quoted).join(',')), 'C', 'S')).toEqual(names);
      }),
    );
  });

  test('of any octets throws nothing but FtpSecurityError, and is of limited size', () => {
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.string({ unit: fc.constantFrom(...'A.,\\/ '), maxLength: 60 }).map(ascii),
    );
    const realm = fc.string({ unit: fc.constantFrom(...'AB./'), maxLength: 20 });
    fc.assert(
      fc.property(octets, realm, realm, (contents, client, server) => {
        const realms = onlyRefuses(() => decodeTransited(contents, client, server)) ?? [];
        expect(realms.length).toBeLessThanOrEqual(100);
        for (const one of realms) expect(one).not.toBe('');
      }),
    );
  });

  const deep = (labels: number) => `${'A.'.repeat(labels - 1)}A`;
  test.each([
    ['4096 octets are', `X${',A'.repeat(60)}`.padEnd(4097, 'B'), 'A', 'longer than 4096 octets'],
    ['100 realms are', `A${',A'.repeat(100)}`, 'A', 'more than 100 realms'],
    ['100 realms are, by a null subfield,', ',', deep(102), 'more than 100 realms'],
    ['511 characters of a name are', 'A'.repeat(512), 'A', 'a realm has more than 511 characters'],
    [
      '511 characters of a joined name are',
      `${'A'.repeat(300)},${'B'.repeat(211)}.`,
      'A',
      'a realm has more than 511 characters',
    ],
    ['511 characters of the client’s realm are', 'A', 'A'.repeat(512), 'a realm has more than 511 characters'],
  ])('%s the most', (_name, contents, client, text) => {
    const error = errorOf(() => decodeTransited(ascii(contents), client, 'S'));
    expect([error.code, error.message]).toEqual(['security/bad-token', `transited realms of the ticket: ${text}`]);
  });

  test('at these limits is read', () => {
    expect(decodeTransited(ascii(`A${',A'.repeat(99)}`), 'A', 'A')).toHaveLength(100);
    expect(decodeTransited(ascii(','), deep(101), 'S')).toHaveLength(100);
    expect(decodeTransited(ascii('A'.repeat(511)), 'A'.repeat(511), 'S')).toEqual(['A'.repeat(511)]);
    const octets = ascii(`${`${'A'.repeat(511)},`.repeat(7)} ${'A'.repeat(511)}`);
    expect(octets).toHaveLength(4096);
    expect(decodeTransited(octets, 'A', 'S')).toHaveLength(8);
    expect(decodeTransited(ascii(` ${'\\A'.repeat(2047)}`.slice(0, 1 + 2 * 511)), 'A', 'S')).toEqual(['A'.repeat(511)]);
  });

  test('takes little time, whatever it is', () => {
    const long = deep(250);
    const worst = [
      ',',
      `${long},`.repeat(8),
      '.,'.repeat(2048),
      `${long},,`.repeat(8),
      '\\'.repeat(4095),
      '\\'.repeat(4096),
      ' '.repeat(4096),
    ];
    const began = process.cpuUsage();
    for (const contents of worst) onlyRefuses(() => refused(long, `B.${long}`, contents));
    const { user } = process.cpuUsage(began);
    expect(user).toBeLessThan(200_000);
  });
});

describe('the hierarchy', () => {
  test.each(CASES)('$name: from $client to $server by $contents', ({ client, server, contents, realms, trusted }) => {
    // Nothing else is asked about an empty list.
    const reason = contents === '' ? undefined : refused(client, server, contents);
    if (trusted) return expect(reason).toBeUndefined();
    expect(reason).toMatch(/^the ticket (came through|of a client of)/);
    if (client !== server)
      expect(realms.some(realm => reason!.startsWith(`the ticket came through ${realm}, which`))).toBe(true);
  });

  test('is no longer trusted without hierarchicalTrust', () => {
    const strict = { hierarchicalTrust: false };
    expect(refused('A.CORP.COM', 'B.CORP.COM', 'CORP.COM', strict)).toBe(
      'the ticket came through CORP.COM, which is not trusted between A.CORP.COM and B.CORP.COM (see the option transitedRealms)',
    );
    expect(refused('A.CORP.COM', 'B.CORP.COM', ',', strict)).toContain('CORP.COM');
    expect(refused('A.CORP.COM', 'B.CORP.COM', ',', { ...strict, transitedRealms: ['CORP.COM'] })).toBeUndefined();
    expect(refused('A.CORP.COM', 'B.CORP.COM', 'A.CORP.COM', strict)).toBeUndefined();
  });
});

describe('realms of the option', () => {
  const policy = { transitedRealms: ['ROOT.EXAMPLE'] };

  test('are trusted beside the hierarchy, and alone', () => {
    const tree = ['A.CORP.COM', 'B.OTHER.NET', 'CORP.COM,ROOT.EXAMPLE,OTHER.NET'] as const;
    expect(refused(...tree, policy)).toBeUndefined();
    expect(refused(...tree, { ...policy, hierarchicalTrust: false })).toContain('through CORP.COM,');
    expect(refused('A.CORP.COM', 'B.OTHER.NET', 'ROOT.EXAMPLE,X.ROOT.EXAMPLE', policy)).toContain(
      'through X.ROOT.EXAMPLE,',
    );
  });

  test('do not include the realms that a null subfield puts beside them', () => {
    expect(refused('CORP.COM', 'OTHER.NET', ',ROOT.EXAMPLE,', policy)).toContain('through EXAMPLE,');
    expect(
      refused('CORP.COM', 'OTHER.NET', ',ROOT.EXAMPLE,', { transitedRealms: ['EXAMPLE', 'ROOT.EXAMPLE'] }),
    ).toBeUndefined();
  });

  test('do not vouch for clients of the service’s own realm', () => {
    expect(refused('OTHER.NET', 'OTHER.NET', 'ROOT.EXAMPLE', policy)).toBe(
      'the ticket of a client of OTHER.NET itself came through other realms',
    );
  });

  test('are of no use if the realm of the service is unknown', () => {
    expect(refused('A.CORP.COM', undefined, 'ROOT.EXAMPLE', policy)).toMatch(/cannot be judged.*option service/);
  });
});

test('another encoding is unknown', () => {
  for (const trType of [0, 2, -1]) {
    const transited = { trType, contents: ascii('CORP.COM') };
    expect(refusedTransit({ crealm: 'A.CORP.COM', transited }, 'B.CORP.COM', DEFAULT)).toBe(
      `the ticket lists its transited realms in an unknown encoding, ${trType}`,
    );
  }
});
