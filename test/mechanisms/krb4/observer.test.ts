/** Security data of MIT's libkrb4 (vectors/krb4/README.md), and what an observer makes of it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, toHex } from '../../../src/bytes.js';
import { openApReq, parseApReq } from '../../../src/mechanisms/krb4/ap-req.js';
import { desKey, pcbcDecrypt, pcbcEncrypt } from '../../../src/mechanisms/krb4/crypto.js';
import { type Krb4Sides, krb4, krb4Context, krb4Observer } from '../../../src/mechanisms/krb4/index.js';
import { ascii, errorOf, expectCode, onlyRefuses } from '../../helpers.js';
import { watchedCiphers } from '../watched-ciphers.js';
import { type ApReqVector, address, ciphers, keyOf, VECTORS } from './vectors.js';

const observerOf = (vector: ApReqVector) => krb4Observer({ keys: [keyOf(vector)], ciphers });
const requestOf = (vector: ApReqVector) => fromHex(vector.authenticator);
const answerOf = (vector: ApReqVector) => fromHex(vector.mutual_reply_safe);
const SAMPLE = VECTORS.ap_req[0]!;

/** A safe or private message from one end of the sample's exchange, at port 21 or a higher one. */
function sent(by: 'client' | 'server', text: string, level: 'safe' | 'private' = 'safe', ip = SAMPLE.address) {
  const [client, server] = [
    { address: address(ip), port: 40_001 },
    { address: address('127.0.0.1'), port: 21 },
  ];
  const [local, peer] = by === 'client' ? [client, server] : [server, client];
  const key = fromHex(SAMPLE.session_key);
  const clock = () => SAMPLE.issue_date * 1000;
  return krb4Context({ key, ciphers, local, peer, clock, allowWeak: true }).wrap(ascii(text), level).token;
}

function flip(octets: Uint8Array, bit: number): Uint8Array {
  return Uint8Array.from(octets, (octet, i) => (i === bit >> 3 ? octet ^ (0x80 >> (bit & 7)) : octet));
}

describe.each(VECTORS.ap_req)('AP_REQ for $service, key version $kvno', vector => {
  it('reports what krb_rd_req found', () => {
    const message = parseApReq(requestOf(vector));
    expect([message.kvno, message.realm, toHex(message.ticket)]).toEqual([vector.kvno, vector.realm, vector.ticket]);
    const { ticket, authenticator } = openApReq(message, [keyOf(vector)], ciphers);
    const instance = vector.client_instance === '' ? '' : `.${vector.client_instance}`;
    expect(ticket).toEqual({
      client: `${vector.client}${instance}@${vector.client_realm}`,
      address: address(vector.address),
      sessionKey: fromHex(vector.session_key),
      life: vector.life,
      issued: vector.issue_date,
      service: `${vector.service}.${vector.instance}@${vector.realm}`,
    });
    expect([authenticator.checksum, authenticator.time]).toEqual([vector.checksum, vector.issue_date]);
  });

  it('and the answer give both contexts', () => {
    const observer = observerOf(vector);
    const first = observer.observe('client', requestOf(vector));
    expect(first).not.toHaveProperty('fromClient');
    expect(first.facts).toMatchObject({
      weak: true,
      weakness: expect.stringContaining('DES'),
      startTime: '2026-11-22T10:19:48Z',
      endTime: '2026-11-22T18:19:48Z',
      clientTime: '2026-11-22T10:19:48Z',
      clientAddress: '127.0.0.1',
      openedBy: {
        key: 'service key',
        principal: `${vector.service}.${vector.instance}@${vector.realm}`,
        kvno: vector.kvno,
      },
    });
    const { fromClient, fromServer, problem } = observer.observe('server', answerOf(vector));
    expect([fromClient?.mechanism, fromServer?.mechanism, problem]).toEqual(['KERBEROS_V4', 'KERBEROS_V4', undefined]);
  });

  it('names the source of the key, if that is known', () => {
    const keys = [{ ...keyOf(vector), source: 'a srvtab' }];
    const { facts } = krb4Observer({ keys, ciphers }).observe('client', requestOf(vector));
    expect(facts['openedBy']).toMatchObject({ key: 'service key', source: 'a srvtab' });
    expect(observerOf(vector).observe('client', requestOf(vector)).facts['openedBy']).not.toHaveProperty('source');
  });

  it('establishes no contexts if any bit is changed', () => {
    const request = requestOf(vector);
    // What fills the last block of an authenticator says nothing, and nothing protects it.
    for (let bit = 0; bit < 8 * (request.length - 8); bit++) {
      const observer = observerOf(vector);
      onlyRefuses(() => observer.observe('client', flip(request, bit)));
      const step = onlyRefuses(() => observer.observe('server', answerOf(vector)));
      expect(step?.fromClient, `bit ${bit}`).toBeUndefined();
    }
  });

  it('establishes no contexts if any bit of the answer is changed', () => {
    for (let bit = 0; bit < 8 * answerOf(vector).length; bit++) {
      const observer = observerOf(vector);
      observer.observe('client', requestOf(vector));
      const step = onlyRefuses(() => observer.observe('server', flip(answerOf(vector), bit)));
      expect(step?.fromClient).toBeUndefined();
    }
  });
});

describe('the contexts of an observer', () => {
  const observer = observerOf(SAMPLE);
  observer.observe('client', requestOf(SAMPLE));
  const { fromClient, fromServer } = observer.observe('server', answerOf(SAMPLE));

  it('open each direction, by the sign of the answer where the addresses are the same, at any time', () => {
    expect(fromClient!.unwrap(sent('client', 'NOOP')).plaintext).toEqual(ascii('NOOP'));
    expect(fromServer!.unwrap(sent('server', '200 ok', 'private'))).toMatchObject({ level: 'private' });
    expectCode(() => fromClient!.unwrap(sent('server', 'NOOP')), 'security/wrong-direction');
    expectCode(() => fromServer!.unwrap(sent('client', '200 ok')), 'security/wrong-direction');
  });

  it('want the address that the ticket has', () => {
    expectCode(() => fromClient!.unwrap(sent('client', 'NOOP', 'safe', '10.0.0.1')), 'security/wrong-direction');
  });

  it('end apart', () => {
    const other = observerOf(SAMPLE);
    other.observe('client', requestOf(SAMPLE));
    const first = other.observe('server', answerOf(SAMPLE));
    first.fromClient!.destroy();
    expectCode(() => first.fromClient!.unwrap(sent('client', 'NOOP')), 'sequence/closed');
    expect(first.fromServer!.unwrap(sent('server', '200 ok')).plaintext).toEqual(ascii('200 ok'));
  });
});

describe('an observer', () => {
  it.each([
    ['another version', { kvno: 9 }],
    ['another key', { key: new Uint8Array(8).fill(4) }],
    ['another service', { name: 'rcmd' }],
    ['another realm', { realm: 'OTHER.TEST' }],
  ])('with %s has a problem, and the facts that need no key', (_, other) => {
    const observer = krb4Observer({ keys: [{ ...keyOf(SAMPLE), ...other }], ciphers });
    const { facts, problem } = observer.observe('client', requestOf(SAMPLE));
    expect(problem?.code).toBe('security/no-key');
    expect(facts).toMatchObject({ realm: 'HEIM.TEST', ticketKvno: 1, weak: true });
    expect(observer.observe('server', answerOf(SAMPLE)).problem).toBe(problem);
  });

  it('that saw no AP_REQ has a problem', () => {
    const { facts, problem } = observerOf(SAMPLE).observe('server', answerOf(SAMPLE));
    expect([problem?.code, facts.weak, facts.weakness]).toEqual([
      'security/no-key',
      true,
      expect.stringContaining('single DES'),
    ]);
  });

  it('has a problem with an answer to another authenticator', () => {
    const observer = observerOf(SAMPLE);
    observer.observe('client', requestOf(SAMPLE));
    const { problem, fromServer } = observer.observe('server', sent('server', 'abcd'));
    expect([problem?.code, fromServer]).toEqual(['security/bad-checksum', undefined]);
  });

  it('has a problem with an answer whose time has the sign of the other direction', () => {
    const observer = observerOf(SAMPLE);
    observer.observe('client', requestOf(SAMPLE));
    const key = fromHex(SAMPLE.session_key);
    const far = { address: address('127.0.0.9'), port: 21 };
    const farther = { address: address('127.0.0.10'), port: 21 };
    // To one still higher up it is negative; to the client of the ticket it may not be.
    const context = krb4Context({ key, ciphers, local: far, peer: farther, allowWeak: true });
    const { token } = context.wrap(fromHex('12345679'), 'safe');
    expect(observer.observe('server', token).problem?.code).toBe('security/wrong-direction');
    // And from one lower down than the client's it may not be positive.
    const low = { address: address('126.0.0.0'), port: 21 };
    const lower = { address: address('125.0.0.0'), port: 21 };
    const answer = (to: typeof low) =>
      krb4Context({ key, ciphers, local: low, peer: to, allowWeak: true }).wrap(fromHex('12345679'), 'safe').token;
    expect(observer.observe('server', answer(lower)).problem?.code).toBe('security/wrong-direction');
    expect(observer.observe('server', answer({ ...far, address: address('127.0.0.1') })).problem).toBeUndefined();
  });

  it('erases the keys of an AP_REQ when another comes, and when its contexts are made', () => {
    const { passed, inUse } = watchedCiphers();
    const observer = krb4Observer({ keys: [keyOf(SAMPLE)], ...passed });
    for (let again = 0; again < 3; again++) observer.observe('client', requestOf(SAMPLE));
    expect(inUse()).toBe(1);
    const { fromClient, fromServer } = observer.observe('server', answerOf(SAMPLE));
    expect(inUse()).toBe(2);
    fromClient!.destroy();
    fromServer!.destroy();
    expect(inUse()).toBe(0);
  });

  it('refuses a private message for an answer', () => {
    const observer = observerOf(SAMPLE);
    observer.observe('client', requestOf(SAMPLE));
    expectCode(() => observer.observe('server', sent('server', 'abcd', 'private')), 'security/bad-token');
  });

  it('has a problem with the authenticator of another client', () => {
    const message = parseApReq(requestOf(SAMPLE));
    const session = desKey(fromHex(SAMPLE.session_key), ciphers);
    const plaintext = pcbcDecrypt(session, message.authenticator);
    plaintext.set(ascii('x'));
    const head = requestOf(SAMPLE).subarray(0, -message.authenticator.length);
    const { problem } = observerOf(SAMPLE).observe('client', concat(head, pcbcEncrypt(session, plaintext)));
    expect(problem?.message).toBe('ticket and authenticator have different client names');
  });

  it('refuses other tokens, and any prefix of an AP_REQ', () => {
    const request = requestOf(SAMPLE);
    for (let length = 0; length < request.length; length++) {
      expectCode(() => observerOf(SAMPLE).observe('client', request.subarray(0, length)), 'security/bad-token');
    }
    const error = errorOf(() => observerOf(SAMPLE).observe('client', concat(request, Uint8Array.of(0))));
    expect(error.message).toBe('AP_REQ: 1 octets after its end');
    expect(() => observerOf(SAMPLE).observe('client', 'x' as never)).toThrow(TypeError);
    for (const keys of [undefined, 'x', new Uint8Array(8)])
      expect(() => krb4Observer({ keys: keys as never, ciphers })).toThrow(/^keys must .*parseSrvtab/);
  });

  it('survives any octets', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.uint8Array({ maxLength: 150 }), (client, octets) => {
        const observer = observerOf(SAMPLE);
        observer.observe('client', requestOf(SAMPLE));
        const begun = client ? concat(requestOf(SAMPLE).subarray(0, octets.length), octets) : octets;
        const step = onlyRefuses(() => observer.observe(client ? 'client' : 'server', begun));
        expect(step?.fromClient).toBeUndefined();
      }),
    );
  });
});

describe('the mechanism', () => {
  it('has the sides for which there are options', () => {
    const sides = (given: Krb4Sides) => {
      const mechanism = krb4(given);
      return (['initiator', 'acceptor', 'observer'] as const).filter(side => mechanism[side] !== undefined);
    };
    const observer = { keys: [keyOf(SAMPLE)], ciphers };
    expect([sides({}), sides({ observer })]).toEqual([[], ['observer']]);
    const initiator = { tickets: { credentials: [] } } as never;
    const acceptor = { srvtab: [keyOf(SAMPLE)] } as never;
    expect(sides({ initiator, acceptor })).toEqual(['initiator', 'acceptor']);
    expect(krb4({ observer }).observer!().observe('client', requestOf(SAMPLE)).problem).toBeUndefined();
    expect(krb4()).toMatchObject({ name: 'KERBEROS_V4', variant: 'krb4' });
    // The rest of the misuse is told when a side is begun.
    for (const side of ['initiator', 'acceptor']) expect(() => krb4({ [side]: {} })).toThrow(TypeError);
    expect(() => krb4({ acceptor }).acceptor!()).toThrow(TypeError);
  });
});

describe('the first token', () => {
  it('is recognised', () => {
    expect(krb4().recognises(requestOf(SAMPLE))).toBe(true);
    for (const octets of [[], [4], [4, 0x0e], [0x60, 6], [5, 6]])
      expect(krb4().recognises(Uint8Array.from(octets))).toBe(false);
  });
});
