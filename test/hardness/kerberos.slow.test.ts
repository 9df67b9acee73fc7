/** Flaws that MIT Kerberos and Heimdal had: each has a test of ours at every place where the like could be. */
import { describe, expect, it } from 'vitest';
import { concat, fromHex, toUtf8 } from '../../src/bytes.js';
import { gsiObserver } from '../../src/mechanisms/gsi/index.js';
import { describeKrb4Token, krb4Observer } from '../../src/mechanisms/krb4/index.js';
import { ENCTYPES } from '../../src/mechanisms/krb5/crypto/enctypes.js';
import { kerberosKey } from '../../src/mechanisms/krb5/crypto/kerberos-key.js';
import {
  describeKrb5Token,
  krb5Acceptor,
  krb5Context,
  krb5Initiator,
  krb5Observer,
  ReplayCache,
} from '../../src/mechanisms/krb5/index.js';
import { openFrame } from '../../src/mechanisms/krb5/messages/gss-framing.js';
import { buildRfc1964Wrap, openRfc1964Wrap } from '../../src/mechanisms/krb5/tokens/rfc1964.js';
import { type Rfc1964Key, rfc1964Key } from '../../src/mechanisms/krb5/tokens/rfc1964-keys.js';
import { pskAcceptor, pskInitiator, pskObserver } from '../../src/mechanisms/psk/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { Exchange, Step } from '../../src/protection/mechanism.js';
import { errorOf, expectCode, onlyRefuses } from '../helpers.js';
import * as krb4 from '../mechanisms/krb4/exchanges.js';
import { requestFor } from '../mechanisms/krb5/acceptors.js';
import { realm, START } from '../mechanisms/krb5/live.js';
import { KERBEROS, mechTypeList, NTLM, negTokenInit, negTokenResp } from '../mechanisms/krb5/negotiation.js';
import { contextPair, keyOctets, RFC1964_NUMBERS, RFC4121_NUMBERS } from '../mechanisms/krb5/tokens.js';
import { lineAround, PATHS, plaintextOf, ROWS, sidesOf } from './paths.js';
import { framed, withOctets } from './token-classes.js';

const TEXT = toUtf8('200 secret-7f3a\r\n');
const PERMISSIVE = { ciphers: nodeCiphers, allowWeak: true };
const CLOCK = () => START * 1000;

function rfc1964KeyOf(enctype: number): Rfc1964Key {
  const octets = keyOctets(enctype);
  return rfc1964Key(kerberosKey(enctype, octets, PERMISSIVE), octets, PERMISSIVE);
}

/** Both sides of an exchange of Kerberos V5. */
function exchange(enctype: number, options: { spnego?: boolean; mutual?: boolean } = {}) {
  const { keytab, credential } = realm(enctype);
  const common = { clock: CLOCK, ...PERMISSIVE };
  return {
    keytab,
    initiator: krb5Initiator({ credentials: [credential], service: 'ftp@host.example.test', ...common, ...options }),
    acceptor: krb5Acceptor({ keytab, replayCache: new ReplayCache(), ...common }),
  };
}

/** New exchanges of every mechanism, waiting for a token. */
const EXCHANGES: [name: string, begin: () => Exchange][] = [
  ['acceptor of Kerberos V5', () => exchange(18).acceptor],
  ['initiator of Kerberos V5', () => begun(exchange(18).initiator)],
  ['initiator of SPNEGO', () => begun(exchange(18, { spnego: true }).initiator)],
  [
    'acceptor of SPNEGO',
    () => {
      const { acceptor } = exchange(18);
      acceptor.step(negTokenInit());
      return acceptor;
    },
  ],
  ['acceptor of KERBEROS_V4', () => krb4.acceptor()],
  ['initiator of KERBEROS_V4', () => begun(krb4.initiator())],
  ['acceptor of X-PSK', () => pskAcceptor({ key: new Uint8Array(32).fill(1) })],
  ['initiator of X-PSK', () => begun(pskInitiator({ key: new Uint8Array(32).fill(1) }))],
];

function begun(initiator: Exchange): Exchange {
  initiator.step();
  return initiator;
}

describe('CVE-2014-4341: lengths of an RFC 1964 token were not checked before it was read', () => {
  it('a header of fewer than 22 octets, an incomplete checksum and a text shorter than its confounder are refused', () => {
    for (const enctype of RFC1964_NUMBERS) {
      const { checksumLength } = rfc1964KeyOf(enctype);
      for (const level of ['safe', 'private'] as const) {
        const { initiator, acceptor } = contextPair(enctype);
        const { token } = initiator.wrap(TEXT, level);
        const content = token.slice(openFrame(token));
        for (let length = 0; length <= 16 + checksumLength + 8; length++) {
          expectCode(() => acceptor.unwrap(framed(content.slice(0, length))), 'security/bad-token');
        }
        expect(acceptor.unwrap(token).plaintext).toEqual(TEXT);
      }
    }
  });

  it('padding longer than the text is refused, with the error of a wrong checksum', () => {
    for (const enctype of RFC1964_NUMBERS) expectNoPadding(enctype, 14);
  });
});

/** Tokens of a peer that has the key, and that has padding which counts none of its octets, or more than there are. */
function expectNoPadding(enctype: number, length: number): void {
  const key = rfc1964KeyOf(enctype);
  const right = key.blockSize - (length % key.blockSize);
  for (let count = 0; count < 256; count++) {
    if (count >= 1 && count <= right) continue;
    for (const sealed of [false, true]) {
      const padding = new Uint8Array(right).fill(count);
      const lying = (data: Uint8Array) => concat(data.subarray(0, -right), padding);
      const forger: Rfc1964Key = {
        ...key,
        signing: new Map([...key.signing].map(([number, make]) => [number, data => make(lying(data))])),
        seal: (body, number) => key.seal(lying(body), number),
      };
      const facts = { sentByAcceptor: true, sealed, sequence: 5n };
      const token = buildRfc1964Wrap(forger, facts, new Uint8Array(length));
      if (!sealed) token.set(padding, token.length - right);
      expectCode(() => openRfc1964Wrap(key, true, token), 'security/bad-checksum');
    }
  }
}

describe('CVE-2014-4342: a token of another format was read with the keys of this one', () => {
  it('tokens of every other format are refused by every context', () => {
    const tokens = ROWS.map(row => ({ row, token: row.contexts().initiator.wrap(TEXT, row.levels[0]!).token }));
    let count = 0;
    for (const row of ROWS) {
      const { initiator, acceptor } = row.contexts();
      for (const other of tokens.filter(it => it.row.format !== row.format)) {
        expect(errorOf(() => acceptor.unwrap(other.token)).code).toMatch(/^security\/bad-(token|checksum)$/);
        count++;
      }
      const own = initiator.wrap(TEXT, row.levels[0]!);
      expect(acceptor.unwrap(own.token).plaintext).toEqual(TEXT);
    }
    expect(count).toBeGreaterThan(300);
  });
});

describe('CVE-2014-5352: a token that deletes the context left it half deleted', () => {
  const DELETION = [fromHex('0405000000000000'), fromHex('040504ffffffffff0000000000000000'), framed(fromHex('0102'))];

  it('it is refused everywhere, and the context goes on', () => {
    for (const row of ROWS) {
      for (const path of PATHS) {
        const contexts = row.contexts();
        const level = row.levels[0]!;
        for (const token of DELETION) {
          const outcome = path.read(contexts, lineAround(path.from, level, token));
          expect([row.name, path.name, outcome.texts, outcome.error]).toEqual([
            row.name,
            path.name,
            [],
            expect.stringMatching(/^security\/bad-(token|checksum)$/),
          ]);
        }
        const { sender, opener } = sidesOf(contexts, path.from);
        expect(opener.unwrap(sender.wrap(plaintextOf(path.from), level).token).sequence).toMatch(/ok|none/);
      }
    }
  });
});

describe('CVE-2017-11462: a context that was deleted at an error was used and deleted again', () => {
  it('an exchange that has failed refuses every further step, and may be destroyed twice', async () => {
    for (const [name, begin] of EXCHANGES) {
      const failed = begin();
      await expect(
        codeOf(() => failed.step(fromHex('6000'))),
        name,
      ).resolves.toMatch(/^(security|syntax)\//);
      for (const token of [undefined, fromHex('6000'), TEXT]) {
        await expect(
          codeOf(() => failed.step(token)),
          name,
        ).resolves.toBe('sequence/closed');
      }
      failed.destroy?.();
      failed.destroy?.();
      await expect(
        codeOf(() => failed.step(TEXT)),
        name,
      ).resolves.toBe('sequence/closed');
    }
  });

  it('a context that has refused a token opens the next one, and is closed when it is destroyed twice', () => {
    for (const row of ROWS) {
      const { initiator, acceptor } = row.contexts();
      for (const bad of [Uint8Array.of(1), new Uint8Array(200)]) errorOf(() => acceptor.unwrap(bad));
      expect(acceptor.unwrap(initiator.wrap(TEXT, row.levels[0]!).token).plaintext).toEqual(TEXT);
      acceptor.destroy();
      acceptor.destroy();
      expectCode(() => acceptor.unwrap(TEXT), 'sequence/closed');
    }
  });
});

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
    return 'nothing was thrown';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('CVE-2020-28196: elements of indefinite length in each other overflowed the stack', () => {
  const SIZE = 0x2_0000;
  const headers: Record<string, Uint8Array> = {
    'an AP-REQ': fromHex('06092a864886f7120102020100'),
    'an AP-REP': fromHex('06092a864886f7120102020200'),
    'a KRB-ERROR': fromHex('06092a864886f7120102020300'),
    'an offer of SPNEGO': fromHex('06062b0601050502'),
  };
  /** Elements in each other as deep as `size` permits; the innermost is a NULL. */
  function nested(tag: number, size: number): Uint8Array {
    const parts: Uint8Array[] = [];
    let length = 2;
    while (length < size) {
      const header = length < 0x80 ? [tag, length] : [tag, 0x83, length >> 16, length >> 8, length];
      parts.push(Uint8Array.from(header));
      length += header.length;
    }
    return concat(...parts.reverse(), Uint8Array.of(5, 0));
  }
  const TAGS = [0x30, 0x31, 0x24, 0x60, 0x61, 0x6e, 0xa0, 0xa1, 0xa2];
  const endless = (tag: number) => Uint8Array.from({ length: SIZE }, (_, i) => (i % 2 === 0 ? tag : 0x80));

  it('each of our readers of DER refuses them, however deep', async () => {
    const readers: ((token: Uint8Array) => unknown)[] = [
      ...EXCHANGES.map(
        ([, begin]) =>
          (token: Uint8Array) =>
            begin().step(token),
      ),
      token => krb5Observer({ keys: [] }).observe('client', token),
      token => krb5Observer({ keys: [] }).observe('server', token),
      token => krb4Observer({ keys: [], ciphers: nodeCiphers }).observe('client', token),
      token => pskObserver({ keys: [] }).observe('client', token),
      token => gsiObserver({ keyLogs: [] }).observe('client', token),
      describeKrb5Token,
      describeKrb4Token,
    ];
    for (const tag of TAGS) {
      for (const inside of [nested(tag, SIZE), endless(tag)]) {
        const framedOnes = Object.values(headers).map(header => framedLong(concat(header, inside)));
        for (const token of [inside, ...framedOnes]) {
          for (const read of readers) expect(await codeOf(() => read(token))).toMatch(/^(security|syntax)\//);
        }
      }
    }
  }, 60_000);

  /** The frame of RFC 2743 with three octets of length. */
  function framedLong(content: Uint8Array): Uint8Array {
    const { length } = content;
    return concat(Uint8Array.of(0x60, 0x83, length >> 16, length >> 8, length), content);
  }
});

describe('CVE-2009-0844: a length in a token of SPNEGO was believed, and octets behind the token were read', () => {
  it('every octet of an offer and of an answer may be any other: it is read, or refused by FtpSecurityError', () => {
    const { initiator, acceptor, keytab } = exchange(18, { spnego: true });
    const offer = (initiator.step() as Step).token!;
    const answer = (acceptor.step(offer) as Step).token!;
    const inside = 40;
    for (const value of [0, 1, 0x7f, 0x80, 0x81, 0x82, 0x84, 0x88, 0xfe, 0xff]) {
      for (let at = 0; at < inside; at++) {
        onlyRefuses(() => krb5Acceptor({ keytab, clock: CLOCK }).step(withOctets(offer, at, value)));
        onlyRefuses(() => begun(exchange(18, { spnego: true }).initiator).step(withOctets(answer, at, value)));
        onlyRefuses(() => krb5Observer({ keys: keytab }).observe('client', withOctets(offer, at, value)));
        onlyRefuses(() => describeKrb5Token(withOctets(answer, at, value)));
      }
    }
    for (let length = 1; length < offer.length; length++) {
      expectCode(() => krb5Acceptor({ keytab, clock: CLOCK }).step(offer.subarray(0, length)), 'security/bad-token');
    }
  });
});

describe('CVE-2010-1321: an authenticator without a checksum was a null pointer', () => {
  const CHECKSUMS = [
    undefined,
    { cksumtype: 0x8003, checksum: new Uint8Array() },
    { cksumtype: 0x8003, checksum: new Uint8Array(23) },
    { cksumtype: 0x8003, checksum: new Uint8Array(24) },
    { cksumtype: 7, checksum: new Uint8Array(24) },
  ];

  it('acceptors refuse it with every enctype, and observers read it, or name what is wrong', () => {
    for (const { number } of ENCTYPES) {
      for (const cksum of CHECKSUMS) {
        const made = realm(number);
        const token = requestFor(made, {
          authenticator: ({ cksum: _, ...rest }) => ({ ...rest, ...(cksum && { cksum }) }),
        });
        const acceptor = krb5Acceptor({
          keytab: made.keytab,
          clock: CLOCK,
          replayCache: new ReplayCache(),
          ...PERMISSIVE,
        });
        expect(errorOf(() => acceptor.step(token)).code).toMatch(/^security\/bad-(token|checksum)$/);
        const { facts, problem } = krb5Observer({ keys: made.keytab, ...PERMISSIVE }).observe('client', token);
        expect(problem?.code ?? facts.clientName).toMatch(/^(security\/bad-token|user@EXAMPLE.TEST)$/);
      }
    }
  });
});

describe('CVE-2024-37370: the Extra Count of a sealed token could be altered, and the text was cut', () => {
  it('no other EC gives a text, with any enctype, in either direction', () => {
    for (const enctype of RFC4121_NUMBERS) {
      const { initiator, acceptor } = contextPair(enctype);
      for (const [from, to] of [[initiator, acceptor] as const, [acceptor, initiator] as const]) {
        const { token } = from.wrap(TEXT, 'private');
        for (let count = 1; count < 0x1_0000; count = count < 300 ? count + 1 : count * 2 + 1) {
          expect(errorOf(() => to.unwrap(withOctets(token, 4, count >> 8, count))).code).toMatch(/^security\/bad/);
        }
        expect(to.unwrap(token).plaintext).toEqual(TEXT);
      }
    }
  });
});

describe('CVE-2024-37371: a token that was shorter than its length fields made the library read behind it', () => {
  it('no beginning of a token is a token, also not in a frame that fits', () => {
    for (const row of ROWS) {
      for (const level of row.levels) {
        const { initiator, acceptor } = row.contexts();
        const { token } = initiator.wrap(TEXT, level);
        for (let length = 0; length < token.length; length++) {
          const cut = token.slice(0, length);
          expect(errorOf(() => acceptor.unwrap(cut)).code).toMatch(/^security\//);
          if (row.format !== 'rfc1964' || length < openFrame(token)) continue;
          expect(errorOf(() => acceptor.unwrap(framed(cut.slice(openFrame(token))))).code).toMatch(/^security\//);
        }
        expect(acceptor.unwrap(token).plaintext).toEqual(TEXT);
      }
    }
  });
});

describe('CVE-2025-57736: a GetMIC token with a wrong checksum was valid', () => {
  const list = mechTypeList([NTLM, KERBEROS]);

  it('no bit of a GetMIC token may be another, with any enctype', () => {
    for (const { number, tokens } of ENCTYPES) {
      const { initiator, acceptor } = contextPair(number);
      const mic = initiator.getMic(TEXT);
      // The sequence number of RC4 is in no checksum (vectors/deviations.json, `unprotected`).
      const number1964 = tokens === 'rfc1964' ? openFrame(mic) + 8 : 0;
      for (let bit = 0; bit < 8 * mic.length; bit++) {
        const at = bit >> 3;
        if (number === 23 && at >= number1964 && at < number1964 + 4) continue;
        const altered = withOctets(mic, at, mic[at]! ^ (1 << (bit & 7)));
        expect(errorOf(() => acceptor.verifyMic(TEXT, altered)).code).toMatch(/^security\//);
      }
      expect(errorOf(() => acceptor.verifyMic(toUtf8('200 other'), mic)).code).toBe('security/bad-checksum');
      expect(acceptor.verifyMic(TEXT, mic)).toBe('ok');
    }
  });

  it('neither side of SPNEGO completes with an altered MIC', () => {
    const lastOctet = (mic: Uint8Array) => withOctets(mic, mic.length - 1, mic.at(-1)! ^ 1);
    const checksumOf = (mic: Uint8Array) => withOctets(mic, 16, ...new Uint8Array(mic.length - 16));
    for (const alter of [lastOctet, checksumOf, (mic: Uint8Array) => mic.slice(0, -1)]) {
      const toAcceptor = exchange(18, { mutual: false });
      toAcceptor.acceptor.step(negTokenInit(TEXT, [NTLM, KERBEROS]));
      const { token, context } = toAcceptor.initiator.step() as Step & { context: ReturnType<typeof krb5Context> };
      const signed = negTokenResp(undefined, token, alter(context.getMic(list)));
      expect(errorOf(() => toAcceptor.acceptor.step(signed)).code).toMatch(/^security\//);

      const { initiator, acceptor } = exchange(18, { spnego: true });
      const offer = (initiator.step() as Step).token!;
      const bare = offer.slice(Buffer.from(offer).lastIndexOf(Buffer.from(fromHex('06092a864886f7120102020100'))));
      const answer = acceptor.step(framed(bare.slice(KERBEROS.length))) as typeof context & Step;
      const mic = (answer.context as ReturnType<typeof krb5Context>).getMic(mechTypeList([KERBEROS]));
      const last = negTokenResp(0, answer.token, alter(mic));
      expect(errorOf(() => initiator.step(last)).code).toMatch(/^security\//);
    }
  });
});

describe('CVE-2025-3576: messages under RC4 could be forged, and RC4 was taken where better was there', () => {
  it('every weak enctype is refused without allowWeak: by contexts, initiators and acceptors', () => {
    for (const { number, weak } of ENCTYPES) {
      const made = realm(number);
      const given = { clock: CLOCK, ciphers: nodeCiphers };
      const attempts = [
        () =>
          krb5Context({
            role: 'initiator',
            enctype: number,
            key: keyOctets(number),
            acceptorSubkey: true,
            sendSequence: 1,
            receiveSequence: 1,
            ciphers: nodeCiphers,
          }),
        () => krb5Initiator({ credentials: [made.credential], service: 'ftp@host.example.test', ...given }).step(),
        () => krb5Acceptor({ keytab: made.keytab, replayCache: new ReplayCache(), ...given }).step(requestFor(made)),
      ];
      for (const attempt of attempts) {
        if (weak) expectCode(attempt, 'security/weak');
        else attempt();
      }
    }
  });

  it('where both sides know better, the messages are not under RC4, and a recording says so', () => {
    const { initiator, acceptor, keytab } = exchange(23);
    const request = (initiator.step() as Step).token!;
    const { facts, token } = acceptor.step(request) as Step;
    expect([facts?.enctype, facts?.weak]).toEqual([expect.not.stringMatching('23'), expect.any(Boolean)]);
    expect(ENCTYPES.find(({ number }) => number === facts?.enctype)!.weak).toBe(false);
    const observer = krb5Observer({ keys: keytab, ...PERMISSIVE });
    observer.observe('client', request);
    expect(observer.observe('server', token!).facts.enctype).toBe(facts?.enctype);
  });
});

describe('CVE-2022-3437: Heimdal wrote behind its buffer for padding and lengths of DES and triple DES', () => {
  const DES = RFC1964_NUMBERS.filter(number => number !== 23);

  it('any padding of a text of any length is refused if it is not the right one', () => {
    for (const enctype of DES) for (const length of [0, 7, 8, 9]) expectNoPadding(enctype, length);
  });

  it('a body of any length is refused or opened, and no octet of it is given out', () => {
    for (const enctype of DES) {
      const { initiator, acceptor } = contextPair(enctype);
      for (const level of ['safe', 'private'] as const) {
        const { token } = initiator.wrap(TEXT, level);
        const content = token.slice(openFrame(token));
        for (let length = 16; length < content.length + 40; length++) {
          if (length === content.length) continue;
          const other = framed(concat(content, content).slice(0, length));
          expect(errorOf(() => acceptor.unwrap(other)).code).toMatch(/^security\/bad-(token|checksum)$/);
        }
      }
    }
  });
});
