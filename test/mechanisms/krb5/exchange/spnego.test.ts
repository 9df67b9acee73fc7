/** SPNEGO around an exchange: our sides with tokens that were made without the code under test (negotiation.ts). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, copy, fromHex, toHex } from '../../../../src/bytes.js';
import {
  describeKrb5Token,
  type Krb5AcceptorOptions,
  type Krb5InitiatorOptions,
  krb5Acceptor,
  krb5Initiator,
  krb5Observer,
  ReplayCache,
} from '../../../../src/mechanisms/krb5/index.js';
import { type NegotiationToken, parseNegotiation } from '../../../../src/mechanisms/krb5/messages/spnego.js';
import type { Krb5Context } from '../../../../src/mechanisms/krb5/tokens/context.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import type { Exchange, Step } from '../../../../src/protection/mechanism.js';
import { errorOf, expectCode, onlyRefuses } from '../../../helpers.js';
import { watchedCiphers } from '../../watched-ciphers.js';
import { errorNumberOf, realm, START } from '../live.js';
import { KERBEROS, mechTypeList, NTLM, negTokenInit, negTokenResp, OFFERED, WINDOWS_KERBEROS } from '../negotiation.js';

const [COMPLETED, INCOMPLETE, REJECT, REQUEST_MIC] = [0, 1, 2, 3];
const CLOCK = () => START * 1000;
const TEXT = Uint8Array.of(1, 2, 3);

type Said = Step & { token: Uint8Array; context: Krb5Context };
const step = (exchange: Exchange, token?: Uint8Array) => exchange.step(token) as Said;
const read = (token: Uint8Array | undefined) => parseNegotiation(token!) as NegotiationToken;

function sides(
  initiator: Partial<Krb5InitiatorOptions> = {},
  acceptor: Partial<Krb5AcceptorOptions> = {},
  enctype = 18,
) {
  const { keytab, credential } = realm(enctype);
  const asked = { credentials: [credential], service: 'ftp@host.example.test', clock: CLOCK };
  return {
    keytab,
    /** Without SPNEGO. */
    bare: krb5Initiator({ ...asked, ...initiator }),
    initiator: krb5Initiator({ ...asked, spnego: true, ...initiator }),
    acceptor: krb5Acceptor({ keytab, clock: CLOCK, replayCache: new ReplayCache(), ...acceptor }),
  };
}

function expectJoined(initiator: Krb5Context, acceptor: Krb5Context): void {
  expect(acceptor.unwrap(initiator.wrap(TEXT, 'private').token)).toMatchObject({ plaintext: TEXT, sequence: 'ok' });
  expect(initiator.unwrap(acceptor.wrap(TEXT, 'private').token)).toMatchObject({ plaintext: TEXT, sequence: 'ok' });
}

describe('the acceptor', () => {
  test.each([
    ['Kerberos', [KERBEROS], KERBEROS],
    ['what Windows calls it', OFFERED, WINDOWS_KERBEROS],
    ['Kerberos before others', [KERBEROS, NTLM], KERBEROS],
  ])('takes the token that comes with the offer: %s', (_, offered, chosen) => {
    const { bare, acceptor } = sides();
    const { token, context, facts } = step(acceptor, negTokenInit(step(bare).token, offered));
    const answer = read(token);
    expect(answer).toEqual({
      kind: 'NegTokenResp',
      state: 'accept-completed',
      chosen: chosen.subarray(2),
      inside: answer.inside,
    });
    expect(facts).toMatchObject({ spnego: true, clientName: 'user@EXAMPLE.TEST' });
    expect(toHex(token)).toBe(toHex(negTokenResp(COMPLETED, answer.inside, undefined, chosen)));
    expectJoined(step(bare, answer.inside).context, context);
  });

  test('asks for the token if the offer has none', () => {
    const { bare, acceptor } = sides();
    const asked = step(acceptor, negTokenInit());
    expect(toHex(asked.token)).toBe(toHex(negTokenResp(INCOMPLETE, undefined, undefined, WINDOWS_KERBEROS)));
    expect(asked.context).toBeUndefined();
    const { token, context } = step(acceptor, negTokenResp(undefined, step(bare).token));
    const answer = read(token);
    expect([answer.state, answer.chosen, answer.mic]).toEqual(['accept-completed', undefined, undefined]);
    expectJoined(step(bare, answer.inside).context, context);
  });

  test('refuses an AP-REQ in a rejection', () => {
    const { bare, acceptor } = sides();
    step(acceptor, negTokenInit());
    const error = errorOf(() => acceptor.step(negTokenResp(REJECT, step(bare).token)));
    expect([error.code, error.message]).toEqual([
      'security/bad-token',
      'SPNEGO: the initiator rejected the negotiation',
    ]);
  });

  describe('if Kerberos is not the first choice', () => {
    const offered = [NTLM, KERBEROS];
    const list = mechTypeList(offered);

    test('asks for MICs, sends its own first, and waits for the initiator’s', () => {
      const { bare, acceptor } = sides();
      const asked = step(acceptor, negTokenInit(TEXT, offered));
      expect(toHex(asked.token)).toBe(toHex(negTokenResp(REQUEST_MIC)));
      const answered = step(acceptor, negTokenResp(undefined, step(bare).token));
      expect(answered.context).toBeUndefined();
      const answer = read(answered.token);
      expect(answer.state).toBe('accept-incomplete');
      const initiator = step(bare, answer.inside).context;
      expect(initiator.verifyMic(list, answer.mic!)).toBe('ok');
      const over = step(acceptor, negTokenResp(undefined, undefined, initiator.getMic(list)));
      expect(over.token).toBeUndefined();
      expectJoined(initiator, over.context);
      expectCode(() => acceptor.step(), 'sequence/closed');
    });

    test('an observer has the same sequence numbers as both sides', () => {
      const { bare, acceptor, keytab } = sides();
      const observer = krb5Observer({ keys: keytab });
      const offer = negTokenInit(TEXT, offered);
      expect(observer.observe('client', offer).facts).toEqual({ spnego: true });
      observer.observe('server', step(acceptor, offer).token);
      const request = negTokenResp(undefined, step(bare).token);
      observer.observe('client', request);
      expectCode(() => observer.observe('client', negTokenInit(TEXT, [KERBEROS])), 'security/bad-token');
      const answered = step(acceptor, request).token;
      observer.observe('server', answered);
      const initiator = step(bare, read(answered).inside).context;
      initiator.verifyMic(list, read(answered).mic!);
      const last = negTokenResp(undefined, undefined, initiator.getMic(list));
      const { fromClient, fromServer } = observer.observe('client', last);
      const { context } = step(acceptor, last);
      expect(fromClient?.unwrap(initiator.wrap(TEXT, 'private').token).sequence).toBe('ok');
      expect(fromServer?.unwrap(context.wrap(TEXT, 'private').token).sequence).toBe('ok');
      expect(describeKrb5Token(offer)).toEqual({ kind: 'NegTokenInit' });
    });

    test('refuses a MIC of another list, and a missing one', () => {
      for (const mic of [(context: Krb5Context) => context.getMic(mechTypeList()), () => undefined]) {
        const { bare, acceptor } = sides();
        step(acceptor, negTokenInit(TEXT, offered));
        const answer = read(step(acceptor, negTokenResp(undefined, step(bare).token)).token);
        const last = negTokenResp(undefined, undefined, mic(step(bare, answer.inside).context));
        const error = errorOf(() => acceptor.step(last));
        expect(error.code).toMatch(/bad-checksum|bad-token/);
        expect(toHex(error.token!)).toBe('a1073005a0030a0102');
      }
    });

    test('erases its keys if the negotiation fails', () => {
      const { passed, inUse } = watchedCiphers();
      const { bare, acceptor } = sides({ enctypes: [], ciphers: nodeCiphers }, { ...passed, enctypes: [] }, 26);
      step(acceptor, negTokenInit(TEXT, offered));
      step(acceptor, negTokenResp(undefined, step(bare).token));
      expect(inUse()).toBeGreaterThan(0);
      expectCode(() => acceptor.step(TEXT), 'security/bad-token');
      expect(inUse()).toBe(0);
    });

    test('accepts the MIC with the token without mutual authentication, and answers with its own', () => {
      const { bare, acceptor } = sides({ mutual: false });
      step(acceptor, negTokenInit(TEXT, offered));
      const { token, context: initiator } = step(bare);
      const over = step(acceptor, negTokenResp(undefined, token, initiator.getMic(list)));
      const answer = read(over.token);
      expect([answer.state, answer.inside]).toEqual(['accept-completed', undefined]);
      expect(initiator.verifyMic(list, answer.mic!)).toBe('ok');
      expectJoined(initiator, over.context);
      const other = sides({ mutual: false });
      step(other.acceptor, negTokenInit(TEXT, offered));
      expectCode(() => other.acceptor.step(negTokenResp(undefined, step(other.bare).token)), 'security/bad-token');
    });
  });

  test('answers a MIC that it has not asked for', () => {
    const { bare, acceptor } = sides({ mutual: false });
    const { token, context: initiator } = step(bare);
    const over = step(acceptor, negTokenInit(token, OFFERED, initiator.getMic(mechTypeList())));
    expect(initiator.verifyMic(mechTypeList(), read(over.token).mic!)).toBe('ok');
    expectJoined(initiator, over.context);
  });

  test('rejects an offer without Kerberos', () => {
    const error = errorOf(() => sides().acceptor.step(negTokenInit(TEXT, [NTLM])));
    expect([error.code, toHex(error.token!)]).toEqual(['security/bad-token', 'a1073005a0030a0102']);
  });

  test('rejects a refused AP-REQ, with the KRB-ERROR inside', () => {
    const { bare, acceptor } = sides({}, { clock: () => CLOCK() + 400_000 });
    const error = errorOf(() => acceptor.step(negTokenInit(step(bare).token)));
    const answer = read(error.token);
    expect([error.code, answer.state, errorNumberOf(answer.inside)]).toEqual(['security/clock-skew', 'reject', 37]);
  });

  test('refuses unexpected tokens', () => {
    const { bare, acceptor } = sides();
    expectCode(() => acceptor.step(negTokenResp(INCOMPLETE, step(bare).token)), 'security/bad-token');
    for (const token of [undefined, negTokenInit(), negTokenResp(REJECT), TEXT, negTokenResp(undefined)]) {
      const { acceptor: asked } = sides();
      step(asked, negTokenInit());
      expectCode(() => asked.step(token), 'security/bad-token');
      expectCode(() => asked.step(token), 'sequence/closed');
    }
  });
});

describe('the initiator', () => {
  test('offers Kerberos only, with its token', () => {
    const { token } = step(sides().initiator);
    const { inside } = read(token);
    expect(toHex(token)).toBe(toHex(negTokenInit(inside, [KERBEROS])));
  });

  test.each([true, false])('establishes a context with our acceptor, mutual %s', mutual => {
    const { initiator, acceptor } = sides({ mutual });
    const accepted = step(acceptor, step(initiator).token);
    const { token, context, facts } = step(initiator, accepted.token);
    expect([token, facts?.['spnego']]).toEqual([undefined, true]);
    expectJoined(context, accepted.context);
  });

  /** An acceptor of Kerberos inside, and its answer. */
  function answered(options: Partial<Krb5InitiatorOptions> = {}) {
    const { initiator, acceptor } = sides(options);
    const { inside } = read(step(initiator).token);
    return { initiator, answer: step(acceptor, inside) };
  }

  const list = mechTypeList([KERBEROS]);

  test.each([
    ['accept-completed', COMPLETED, true, false],
    ['accept-completed, with a MIC', COMPLETED, true, true],
    ['accept-incomplete, with a MIC', INCOMPLETE, false, true],
    ['request-mic, with a MIC', REQUEST_MIC, false, true],
    ['neither state nor chosen mechanism, with a MIC', undefined, false, true],
  ])('takes %s', (_, state, isOver, isSigned) => {
    const { initiator, answer } = answered();
    const mic = isSigned ? answer.context.getMic(list) : undefined;
    const last = step(initiator, negTokenResp(state, answer.token, mic));
    if (isOver) expect(last.token).toBeUndefined();
    else {
      const said = read(last.token);
      expect(said.state).toBe('accept-completed');
      expect(answer.context.verifyMic(list, said.mic!)).toBe('ok');
    }
    expectJoined(last.context, answer.context);
  });

  test('refuses a wrong or missing MIC, another mechanism, and unexpected tokens', () => {
    const wrong: ((answer: Said) => Uint8Array | undefined)[] = [
      ({ token, context }) => negTokenResp(COMPLETED, token, context.getMic(TEXT)),
      ({ token }) => negTokenResp(INCOMPLETE, token),
      ({ token }) => negTokenResp(REQUEST_MIC, token),
      ({ token }) => negTokenResp(COMPLETED, token, undefined, NTLM),
      () => negTokenResp(COMPLETED),
      () => negTokenResp(REJECT),
      () => negTokenInit(),
      () => undefined,
      ({ token }) => token,
    ];
    for (const made of wrong) {
      const { initiator, answer } = answered();
      expect(errorOf(() => initiator.step(made(answer))).code).toMatch(/bad-token|bad-checksum/);
      expectCode(() => initiator.step(), 'sequence/closed');
    }
    const { initiator } = answered({ mutual: false });
    expectCode(() => initiator.step(negTokenResp(COMPLETED, TEXT)), 'security/bad-token');
  });

  test('erases its subkey, whatever the answer is', () => {
    for (const answer of [undefined, negTokenResp(REJECT), TEXT]) {
      const given: Uint8Array[] = [];
      const random = (length: number) => {
        given.push(new Uint8Array(length).fill(7));
        return given.at(-1)!;
      };
      const { initiator } = sides({ random });
      step(initiator);
      errorOf(() => initiator.step(answer));
      expect(given.filter(({ length }) => length === 32)).toEqual([new Uint8Array(32)]);
    }
  });

  test('refuses an AP-REP in a rejection, even with a MIC', () => {
    const { initiator, answer } = answered();
    const error = errorOf(() => initiator.step(negTokenResp(REJECT, answer.token, answer.context.getMic(list))));
    expect([error.code, error.message]).toEqual([
      'security/bad-token',
      'SPNEGO: the acceptor rejected the negotiation',
    ]);
  });

  test('refuses an AP-REP in a rejection', () => {
    const { initiator, acceptor } = sides();
    const { inside } = read(step(acceptor, step(initiator).token).token);
    expectCode(() => initiator.step(negTokenResp(REJECT, inside)), 'security/bad-token');
    expectCode(() => initiator.step(negTokenResp(COMPLETED, inside)), 'sequence/closed');
  });

  test('names the KRB-ERROR of a rejection', () => {
    const { initiator, acceptor } = sides({}, { service: 'host@host.example.test' });
    const { token } = errorOf(() => acceptor.step(step(initiator).token));
    const error = errorOf(() => initiator.step(token));
    expect([error.code, error.message]).toEqual([
      'security/wrong-name',
      'the acceptor sent a KRB-ERROR (not authenticated): 35, KRB_AP_ERR_NOT_US',
    ]);
  });
});

test('an offer of a hundred thousand mechanisms is refused by both sides, observer and describeKrb5Token', () => {
  const header = (tag: number, length: number) => Uint8Array.of(tag, 0x83, length >> 16, length >> 8, length);
  const wrapped = (tag: number, contents: Uint8Array) => concat(header(tag, contents.length), contents);
  // 400 kB: Kerberos, and object identifiers of one octet.
  const others = Uint8Array.from({ length: 399_000 }, (_, i) => [0x06, 0x01, 0x2a][i % 3]!);
  const list = wrapped(0x30, concat(KERBEROS, others));
  const init = wrapped(0xa0, wrapped(0x30, wrapped(0xa0, list)));
  const offer = wrapped(0x60, concat(fromHex('06062b0601050502'), init));
  const { keytab } = realm(18);
  const initiator = krb5Initiator({
    credentials: [realm(18).credential],
    service: 'ftp@host.example.test',
    clock: () => START * 1000,
    spnego: true,
  });
  initiator.step();
  for (const attempt of [
    () => krb5Acceptor({ keytab }).step(offer),
    () => initiator.step(offer),
    () => krb5Observer({ keys: keytab }).observe('client', offer),
    () => describeKrb5Token(offer),
  ]) {
    expectCode(attempt, 'security/bad-token');
  }
});

test('arbitrary octets throw nothing but FtpSecurityError', () => {
  const flip = fc.tuple(
    fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    fc.integer({ min: 1, max: 255 }),
  );
  const altered = (token: Uint8Array, [place, change]: [number, number]) => {
    const octets = copy(token);
    octets[Math.floor(place * octets.length)]! ^= change;
    return octets;
  };
  fc.assert(
    fc.property(flip, flip, (first, second) => {
      const { initiator, acceptor } = sides();
      const token = step(initiator).token;
      onlyRefuses(() => acceptor.step(altered(token, first)));
      const other = sides();
      const answer = step(other.acceptor, step(other.initiator).token).token;
      onlyRefuses(() => other.initiator.step(altered(answer, second)));
    }),
  );
});
