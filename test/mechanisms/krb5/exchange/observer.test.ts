import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../../../src/bytes.js';
import { formatDer } from '../../../../src/mechanisms/der.js';
import { enctypeOf } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';
import { kerberosKey } from '../../../../src/mechanisms/krb5/crypto/kerberos-key.js';
import {
  messageKey,
  type OpenedApReq,
  openApRep,
  openApReq,
} from '../../../../src/mechanisms/krb5/exchange/ap-exchange.js';
import { krb5Context, krb5Observer, type ServiceKey } from '../../../../src/mechanisms/krb5/index.js';
import { formatGssChecksum, GSS_FLAGS } from '../../../../src/mechanisms/krb5/messages/gss-checksum.js';
import { formatContextToken, parseContextToken } from '../../../../src/mechanisms/krb5/messages/gss-framing.js';
import {
  type ApRep,
  type ApReq,
  type Authenticator,
  authenticatorSchema,
  type EncApRepPart,
  type EncryptionKey,
  type EncTicketPart,
  encApRepPart,
  encTicketPart,
  type KrbError,
  USAGE,
} from '../../../../src/mechanisms/krb5/messages/kerberos.js';
import { principalOf, principalText } from '../../../../src/mechanisms/krb5/messages/principal.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import type { ObservedStep } from '../../../../src/protection/mechanism.js';
import { ascii, errorOf, expectCode, onlyRefuses } from '../../../helpers.js';
import { watchedCiphers } from '../../watched-ciphers.js';
import { type Exchange, exchangeOf, exchanges, requestOf } from '../exchange-vectors.js';
import { KERBEROS, mechTypeList, NTLM, negTokenInit, negTokenResp } from '../negotiation.js';

const mit = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96');
const heimdal = exchangeOf('krb5-heimdal-aes256-cts-hmac-sha384-192');
const noMutual = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96', ', no-mutual');

function answerOf({ apRep }: Exchange): ApRep | undefined {
  const token = apRep && parseContextToken(apRep);
  return token?.kind === 'AP-REP' ? token.message : undefined;
}

/** Our context in place of the client, before its first message. */
function initiatorOf({ context: { keys, initiator_send_seq, acceptor_send_seq } }: Exchange) {
  return krb5Context({
    role: 'initiator',
    enctype: keys.message_key.etype,
    key: fromHex(keys.message_key.key),
    acceptorSubkey: false,
    sendSequence: initiator_send_seq,
    receiveSequence: acceptor_send_seq,
  });
}

/** The last step of an observer that has received the whole exchange. */
function watch({ keytab, apReq, apRep }: Exchange): ObservedStep {
  const observer = krb5Observer({ keys: keytab, ciphers: nodeCiphers });
  const step = observer.observe('client', apReq);
  return apRep === undefined ? step : observer.observe('server', apRep);
}

const plain = (key: EncryptionKey | undefined) =>
  key === undefined ? null : { etype: key.keytype, key: toHex(key.keyvalue) };

describe.each(exchanges)('$title', exchange => {
  const { context, keytab } = exchange;
  const request = openApReq(requestOf(exchange), keytab, { ciphers: nodeCiphers });
  const answer = answerOf(exchange);
  const opened = answer && openApRep(answer, request, { ciphers: nodeCiphers });

  test('has the right keys and sequence numbers', () => {
    const { keys } = context;
    expect(plain(request.ticket.key)).toEqual(keys.ticket_session_key);
    expect(plain(request.authenticator.subkey)).toEqual(keys.initiator_subkey);
    expect(plain(opened?.subkey)).toEqual(keys.acceptor_subkey);
    expect(plain(messageKey(request, opened).key)).toEqual(keys.message_key);
    expect(request.authenticator.seqNumber).toBe(context.initiator_send_seq);
    expect(opened === undefined ? context.initiator_send_seq : opened.seqNumber).toBe(context.acceptor_send_seq);
  });

  test('has the right names, time and checksum', () => {
    const { ticket, authenticator, checksum } = request;
    expect(principalText(principalOf(ticket.crealm, ticket.cname))).toBe(context.client);
    expect(principalText(principalOf(authenticator.crealm, authenticator.cname))).toBe(context.client);
    const known = { ctime: authenticator.ctime, cusec: authenticator.cusec };
    if (context.ctime !== undefined) expect(known).toEqual({ ctime: context.ctime, cusec: context.cusec });
    if (context.server !== undefined) expect(watch(exchange).facts.serverName).toBe(context.server);
    const value = toHex(authenticator.cksum!.checksum);
    expect(value.startsWith(context.authenticator_checksum ?? context.authenticator_checksum_head!)).toBe(true);
    if (context.authenticator_checksum_length !== undefined) {
      expect(value.length / 2).toBe(context.authenticator_checksum_length);
    }
    expect(checksum?.flags).toBe(context.initiator_flags);
    expect(checksum?.delegation !== undefined).toBe((context.initiator_flags & 1) !== 0);
  });

  test('has contexts that unwrap every message of both directions', () => {
    const { fromClient, fromServer, facts } = watch(exchange);
    expect(facts.enctype).toBe(context.keys.message_key.etype);
    expect(facts.weak).toBe(enctypeOf(context.keys.message_key.etype)!.weak);
    const wrapped = context.messages.filter(({ op }) => op !== 'mic');
    expect(wrapped.length).toBeGreaterThan(9);
    for (const { from, op, plaintext, token } of wrapped) {
      const opens = from === 'initiator' ? fromClient! : fromServer!;
      const { plaintext: text, level } = opens.unwrap(fromHex(token));
      expect([toHex(text), level]).toEqual([plaintext, op === 'wrap-conf1' ? 'private' : 'safe']);
    }
  });
});

describe.each(exchanges)('$title, without the key of the service', exchange => {
  const { keys, client, messages } = exchange.context;
  const key = { enctype: keys.ticket_session_key.etype, key: fromHex(keys.ticket_session_key.key), source: 'a cache' };

  test('is decrypted with the session key, which is not changed', () => {
    const octets = toHex(key.key);
    const { facts, fromClient, fromServer } = watch({ ...exchange, keytab: [key] as never });
    expect(facts).toMatchObject({
      clientName: client,
      openedBy: { key: 'session key', enctype: key.enctype, source: 'a cache' },
    });
    expect(facts['startTime']).toBeUndefined();
    for (const { from, op, plaintext, token } of messages.filter(({ op }) => op !== 'mic')) {
      const opens = from === 'initiator' ? fromClient! : fromServer!;
      expect(toHex(opens.unwrap(fromHex(token)).plaintext), op).toBe(plaintext);
    }
    expect(toHex(key.key)).toBe(octets);
  });

  test('is decrypted with the session key among other keys, of its enctype or not', () => {
    const others = [17, 18, key.enctype].map(enctype => ({
      enctype,
      key: new Uint8Array(enctypeOf(enctype)!.keyLength).fill(9),
    }));
    const { facts, fromClient } = watch({ ...exchange, keytab: [...others, key] as never });
    expect(facts).toMatchObject({ clientName: client, openedBy: { enctype: key.enctype, source: 'a cache' } });
    expect(fromClient).toBeDefined();
  });

  test('is decrypted with the key of the messages, whichever it is', () => {
    const { etype, key: octets } = keys.message_key;
    const bare = [{ enctype: etype, key: fromHex(octets) }] as never;
    const { problem, fromClient, fromServer } = watch({ ...exchange, keytab: bare });
    // Until the first token shows that the key is right.
    expect(problem).toBeDefined();
    const seen = new Set<string>();
    for (const { from, op, plaintext, token } of messages.filter(({ op }) => op !== 'mic')) {
      const opens = from === 'initiator' ? fromClient! : fromServer!;
      expect(toHex(opens.unwrap(fromHex(token)).plaintext), op).toBe(plaintext);
      if (!seen.has(from)) expect(opens.lastFollows).toBe(true);
      expectCode(() => opens.unwrap(fromHex(token)), 'security/replayed');
      seen.add(from);
    }
    expect(seen.size).toBe(2);
  });

  test.each([
    ['lowest', (numbers: bigint) => numbers / 2n],
    ['middle', (numbers: bigint) => (numbers / 4n) * 3n],
    ['highest', (numbers: bigint) => numbers - 1n],
  ])('is decrypted from any number on: the %s of the upper half', (_, first) => {
    const { etype, key: octets } = keys.message_key;
    const bare = { enctype: etype, key: fromHex(octets) };
    const sendSequence = first(enctypeOf(etype)!.tokens === 'rfc4121' ? 1n << 64n : 1n << 32n);
    const live = { ...bare, acceptorSubkey: true, receiveSequence: 0, ciphers: nodeCiphers, allowWeak: true };
    const { fromClient, fromServer } = watch({ ...exchange, keytab: [bare] as never });
    for (const [role, opens] of [
      ['initiator', fromClient!],
      ['acceptor', fromServer!],
    ] as const) {
      const sender = krb5Context({ ...live, role, sendSequence });
      for (const text of ['USER anna', 'NOOP']) {
        const { token } = sender.wrap(ascii(text), 'private');
        expect(opens.unwrap(token)).toMatchObject({ plaintext: ascii(text), sequence: 'ok' });
      }
    }
  });

  test('is not decrypted any more after destroy, used before or not', () => {
    const { etype, key: octets } = keys.message_key;
    const { token } = messages.find(({ from, op }) => from === 'initiator' && op !== 'mic')!;
    for (const isUsed of [false, true]) {
      const { fromClient } = watch({ ...exchange, keytab: [{ enctype: etype, key: fromHex(octets) }] as never });
      if (isUsed) fromClient!.unwrap(fromHex(token));
      fromClient!.destroy();
      const error = errorOf(() => fromClient!.unwrap(fromHex(token)));
      expect([error.code, error.side]).toEqual(['sequence/closed', 'local']);
      expectCode(() => fromClient!.reopen!(fromHex(token)), 'sequence/closed');
      expectCode(() => fromClient!.wrap(ascii('NOOP'), 'safe'), 'sequence/closed');
      expectCode(() => fromClient!.supports('safe'), 'sequence/closed');
      expectCode(() => fromClient!.wrapSizeLimit('safe', 100), 'sequence/closed');
    }
  });

  test('is not decrypted with another key', () => {
    const other = { ...key, key: key.key.map(octet => octet ^ 0x10) };
    const { facts, fromClient, fromServer } = watch({ ...exchange, keytab: [other] as never });
    expect(facts['openedBy']).toBeUndefined();
    const first = (side: string) => fromHex(messages.find(({ from, op }) => from === side && op !== 'mic')!.token);
    expectCode(() => fromClient!.unwrap(first('initiator')), 'security/no-key');
    expectCode(() => fromServer!.unwrap(first('acceptor')), 'security/no-key');
    expectCode(() => fromServer!.reopen!(first('acceptor')), 'security/no-key');
    // A key with a principal is that of a service, and neither a session key nor that of messages.
    for (const octets of [other.key, key.key]) {
      const named = { ...key, key: octets, principal: { name: ['ftp'], realm: 'EXAMPLE.TEST', type: 0 } };
      const step = watch({ ...exchange, keytab: [named] as never });
      expect(step).not.toHaveProperty('fromClient');
      expect(step.facts['openedBy']).toBeUndefined();
    }
  });
});

describe('a recorded exchange', () => {
  test('reports which key has decrypted its ticket, and the source of the key', () => {
    const keytab = mit.keytab.map(key => ({ ...key, source: 'ftp.keytab' }));
    const principal = 'ftp/aes256-sha1.example.test@EXAMPLE.TEST';
    const expected = { key: 'service key', principal, kvno: 1, enctype: 18, source: 'ftp.keytab' };
    expect(watch({ ...mit, keytab }).facts['openedBy']).toEqual(expected);
    const [bare] = mit.keytab.filter(({ enctype }) => enctype === 18).map(({ enctype, key }) => ({ enctype, key }));
    const { facts } = watch({ ...mit, keytab: [bare] as never });
    expect(facts['openedBy']).toStrictEqual({ key: 'service key', enctype: 18 });
  });

  test('that a service key opens is not opened by a bare key when its answer does not fit', () => {
    const bare = { enctype: 18, key: new Uint8Array(32).fill(1) };
    const observer = krb5Observer({ keys: [...mit.keytab, bare], ciphers: nodeCiphers });
    expect(observer.observe('client', mit.apReq)).not.toHaveProperty('fromClient');
    const { apRep } = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96', ', mutual-replay-sequence');
    const step = observer.observe('server', apRep!);
    expect([step.problem?.code, step.fromClient, step.fromServer]).toEqual([
      'security/bad-token',
      undefined,
      undefined,
    ]);
  });

  test('that bare keys may open is weak if one of them is', () => {
    const weakWith = (...enctypes: number[]) => {
      const keys = enctypes.map(enctype => ({ enctype, key: new Uint8Array(enctypeOf(enctype)!.keyLength).fill(1) }));
      const { facts, fromClient } = krb5Observer({ keys, ciphers: nodeCiphers }).observe('client', mit.apReq);
      expect(fromClient).toBeDefined();
      expect(facts).toMatchObject({ serverName: 'ftp/aes256-sha1.example.test@EXAMPLE.TEST', ticketEnctype: 18 });
      return facts.weak;
    };
    expect([weakWith(17), weakWith(17, 20), weakWith(17, 23), weakWith(23)]).toEqual([false, false, true, true]);
  });

  test('has names, times and flags', () => {
    const observer = krb5Observer({ keys: mit.keytab });
    const clear = {
      serverName: 'ftp/aes256-sha1.example.test@EXAMPLE.TEST',
      ticketEnctype: 18,
      ticketKvno: 1,
      mutual: true,
    };
    const opened = {
      ...clear,
      openedBy: {
        key: 'service key',
        principal: 'ftp/aes256-sha1.example.test@EXAMPLE.TEST',
        kvno: 1,
        enctype: 18,
      },
      clientName: 'ftpuser@EXAMPLE.TEST',
      authTime: '2026-11-22T10:21:49Z',
      endTime: '2026-12-22T10:21:49Z',
      clientTime: '2026-11-22T10:21:49.184039Z',
      flags: ['mutual', 'replay', 'conf', 'integ', 'trans'],
      bindings: 'b4cede9aefa9e053aa8efe1f90fdb854',
    };
    expect(observer.observe('client', mit.apReq)).toEqual({ facts: opened });
    const { facts, fromClient, fromServer } = observer.observe('server', mit.apRep!);
    expect(facts).toEqual({ ...opened, enctype: 18, weak: false, keyFrom: 'acceptor subkey' });
    expect(JSON.parse(JSON.stringify(facts))).toEqual(facts);
    expect([fromClient?.mechanism, fromServer?.mechanism]).toEqual(['GSSAPI', 'GSSAPI']);
  });

  test('has contexts after the AP-REQ without mutual authentication', () => {
    const { facts, fromClient, fromServer } = krb5Observer({ keys: noMutual.keytab }).observe('client', noMutual.apReq);
    expect(facts).toMatchObject({ mutual: false, enctype: 18, keyFrom: 'initiator subkey' });
    const first = (side: string) => fromHex(noMutual.context.messages.find(({ from }) => from === side)!.token);
    expect(fromClient?.unwrap(first('initiator')).sequence).toBe('ok');
    expect(fromServer?.unwrap(first('acceptor')).sequence).toBe('ok');
  });

  test('may have a second AP-REQ, which replaces the first', () => {
    const observer = krb5Observer({ keys: [...mit.keytab, ...heimdal.keytab] });
    observer.observe('client', mit.apReq);
    expect(observer.observe('client', heimdal.apReq).facts.clientName).toBe('ftptester@HEIM.TEST');
    expect(observer.observe('server', heimdal.apRep!).fromServer).toBeDefined();
    expect(observer.observe('server', mit.apRep!).problem).toBeDefined();
  });

  test('has a problem with an AP-REP of another exchange with the same ticket', () => {
    const other = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96', ', mutual-replay-sequence');
    const observer = krb5Observer({ keys: mit.keytab });
    observer.observe('client', mit.apReq);
    const { problem, fromClient } = observer.observe('server', other.apRep!);
    expect([problem?.code, fromClient]).toEqual(['security/bad-token', undefined]);
    expect(observer.observe('server', mit.apRep!).problem).toBeUndefined();
  });

  test('is not changed by a malformed token or one of the wrong side', () => {
    const observer = krb5Observer({ keys: mit.keytab });
    observer.observe('client', mit.apReq);
    expectCode(() => observer.observe('client', mit.apReq.subarray(1)), 'security/bad-token');
    expectCode(() => observer.observe('server', mit.apReq), 'security/bad-token');
    expectCode(() => observer.observe('client', mit.apRep!), 'security/bad-token');
    expect(observer.observe('server', mit.apRep!).fromClient).toBeDefined();
  });

  test('has no key without the AP-REQ', () => {
    const { facts, problem } = krb5Observer({ keys: mit.keytab }).observe('server', mit.apRep!);
    expect([facts, problem?.code]).toEqual([{}, 'security/no-key']);
  });

  test('may have a KRB-ERROR, which is named', () => {
    const { realm, sname } = requestOf(mit).ticket;
    const error: KrbError = { pvno: 5, msgType: 30, stime: 1795342910, susec: 7, errorCode: 37, realm, sname };
    const observer = krb5Observer({ keys: mit.keytab });
    observer.observe('client', mit.apReq);
    const say = (message: KrbError) => observer.observe('server', formatContextToken({ kind: 'KRB-ERROR', message }));
    expect(say(error).facts).toMatchObject({ errorCode: 37, errorName: 'KRB_AP_ERR_SKEW' });
    expect(say(error).fromServer).toBeUndefined();
    const { facts } = say({ ...error, errorCode: 99, eText: 'Wrong' });
    expect(facts).toMatchObject({ errorCode: 99, errorText: 'Wrong', clientName: 'ftpuser@EXAMPLE.TEST' });
    expect(facts).not.toHaveProperty('errorName');
    expect(say(error).facts).not.toHaveProperty('errorText');
  });

  test('may have a KRB-ERROR alone, which no bare key can open', () => {
    const { realm, sname } = requestOf(mit).ticket;
    const message: KrbError = { pvno: 5, msgType: 30, stime: 1795342910, susec: 7, errorCode: 37, realm, sname };
    const observer = krb5Observer({ keys: [{ enctype: 18, key: new Uint8Array(32) }] });
    const step = observer.observe('server', formatContextToken({ kind: 'KRB-ERROR', message }));
    expect(step).toStrictEqual({ facts: { errorCode: 37, errorName: 'KRB_AP_ERR_SKEW' } });
  });
});

describe('an exchange wrapped in SPNEGO (RFC 4178)', () => {
  test('is observed like one without SPNEGO', () => {
    const observer = krb5Observer({ keys: mit.keytab });
    expect(observer.observe('client', negTokenInit(mit.apReq)).facts).toMatchObject({
      spnego: true,
      ticketEnctype: 18,
    });
    const step = observer.observe('server', negTokenResp(0, mit.apRep!));
    expect(step.facts).toEqual({ ...watch(mit).facts, spnego: true });
    const first = mit.context.messages.find(({ from, op }) => from === 'acceptor' && op !== 'mic')!;
    expect(toHex(step.fromServer!.unwrap(fromHex(first.token)).plaintext)).toBe(first.plaintext);
  });

  test('keeps its contexts while tokens without Kerberos inside pass', () => {
    const observer = krb5Observer({ keys: noMutual.keytab });
    expect(observer.observe('client', negTokenInit()).fromClient).toBeUndefined();
    expect(observer.observe('server', negTokenResp(1)).facts).toEqual({ spnego: true });
    const { fromClient, fromServer } = observer.observe('client', negTokenResp(1, noMutual.apReq));
    expect(fromClient).toBeDefined();
    const mic = initiatorOf(noMutual).getMic(mechTypeList());
    expect(observer.observe('server', negTokenResp(0))).toMatchObject({ fromClient, fromServer });
    expect(observer.observe('client', negTokenResp(undefined, undefined, mic))).toMatchObject({
      fromClient,
      fromServer,
    });
    expectCode(() => fromClient!.unwrap(mic), 'security/bad-token');
    const { fromClient: gone, problem } = observer.observe(
      'client',
      negTokenResp(undefined, undefined, new Uint8Array(28)),
    );
    expect([gone, problem?.code]).toEqual([undefined, 'security/bad-token']);
  });

  test('has a mechListMIC that uses one of its sender’s sequence numbers', () => {
    const observer = krb5Observer({ keys: noMutual.keytab });
    const sender = initiatorOf(noMutual);
    const { fromClient } = observer.observe(
      'client',
      negTokenInit(noMutual.apReq, undefined, sender.getMic(mechTypeList())),
    );
    expect(fromClient?.unwrap(sender.wrap(Uint8Array.of(1), 'safe').token).sequence).toBe('ok');
  });

  test('has a mechListMIC that is not verified where no key opens the ticket', () => {
    const observer = krb5Observer({ keys: [] });
    const token = negTokenInit(noMutual.apReq, undefined, initiatorOf(noMutual).getMic(mechTypeList()));
    const { facts, problem } = observer.observe('client', token);
    expect([facts['spnego'], problem?.code]).toEqual([true, 'security/no-key']);
  });

  test('that offers no mechanism has a token of none', () => {
    const observer = krb5Observer({ keys: mit.keytab });
    expect(observer.observe('client', negTokenInit(mit.apReq, []))).toEqual({ facts: { spnego: true } });
  });

  test('that chooses another mechanism is refused', () => {
    const observer = krb5Observer({ keys: noMutual.keytab });
    observer.observe('client', negTokenInit(noMutual.apReq));
    expectCode(() => observer.observe('server', negTokenResp(0, undefined, undefined, NTLM)), 'security/bad-token');
  });

  test('that chooses another mechanism of the offer is none of Kerberos from there on', () => {
    const observer = krb5Observer({ keys: noMutual.keytab });
    observer.observe('client', negTokenInit(Uint8Array.of(1), [NTLM, KERBEROS]));
    const { problem, facts } = observer.observe('server', negTokenResp(1, Uint8Array.of(2), undefined, NTLM));
    expect([problem?.code, problem?.message, facts]).toEqual([
      'security/no-key',
      'SPNEGO: the chosen mechanism is not Kerberos',
      { spnego: true },
    ]);
    for (const token of [negTokenResp(undefined, Uint8Array.of(3)), Uint8Array.of(4), negTokenInit(noMutual.apReq)])
      expect(observer.observe('client', token)).toEqual({ problem, facts });
  });

  test('may have a KRB-ERROR inside', () => {
    const { realm, sname } = requestOf(mit).ticket;
    const message: KrbError = { pvno: 5, msgType: 30, stime: 0, susec: 0, errorCode: 37, realm, sname };
    const token = negTokenResp(2, formatContextToken({ kind: 'KRB-ERROR', message }));
    expect(krb5Observer({ keys: [] }).observe('server', token).facts).toMatchObject({
      spnego: true,
      errorName: 'KRB_AP_ERR_SKEW',
    });
  });

  test('is refused if a part is malformed, and changes nothing', () => {
    const observer = krb5Observer({ keys: mit.keytab });
    const whole = negTokenInit(mit.apReq);
    for (let length = 0; length < whole.length; length++) {
      expectCode(() => observer.observe('client', whole.subarray(0, length)), 'security/bad-token');
    }
    expectCode(() => observer.observe('client', negTokenInit(whole)), 'security/bad-token');
    expectCode(() => observer.observe('client', negTokenResp(4, mit.apReq)), 'security/bad-token');
    expectCode(() => observer.observe('server', negTokenInit(mit.apReq)), 'security/bad-token');
    expect(observer.observe('server', mit.apRep!).problem?.code).toBe('security/no-key');
  });
});

describe('the key of the messages alone', () => {
  const { etype, key } = mit.context.keys.message_key;
  const camellia = { enctype: 25, key: new Uint8Array(16) };
  /** Without Node's ciphers, so that keys of Camellia can't be used. */
  const watched = () => {
    const observer = krb5Observer({ keys: [camellia, { enctype: etype, key: fromHex(key) }] as never });
    observer.observe('client', mit.apReq);
    return observer.observe('server', mit.apRep!).fromClient!;
  };
  const tokens = mit.context.messages.filter(({ from, op }) => from === 'initiator' && op !== 'mic');

  test('opens tokens again, and knows their places, from the first on', () => {
    const context = watched();
    expect(context.mechanism).toBe('GSSAPI');
    expect([context.lastReceived, context.lastFollows]).toEqual([undefined, undefined]);
    const places = tokens.slice(0, 2).map(({ token, plaintext }) => {
      context.unwrap(fromHex(token));
      expect(toHex(context.reopen!(fromHex(token)).plaintext)).toBe(plaintext);
      return context.lastReceived!;
    });
    expect(places.map(place => place - places[0]!)).toEqual([0n, 1n]);
    expect(context.lastFollows).toBe(true);
    const gap = watched();
    for (const { token } of [tokens[0]!, tokens[2]!]) gap.unwrap(fromHex(token));
    expect(gap.lastFollows).toBe(false);
  });

  test('is erased if it opens nothing, and so are keys tried before the right one', () => {
    const exchange = exchangeOf('krb5-mit-camellia128-cts-cmac');
    const { etype, key } = exchange.context.keys.message_key;
    const [wrong, right] = [new Uint8Array(16).fill(9), fromHex(key)].map(key => ({ enctype: etype, key }));
    const { token } = exchange.context.messages.find(({ from, op }) => from === 'initiator' && op !== 'mic')!;
    const opened = (...keys: unknown[]) => {
      const { passed, inUse } = watchedCiphers();
      const { fromClient } = krb5Observer({ keys: keys as never, ...passed }).observe('client', exchange.apReq);
      onlyRefuses(() => fromClient!.unwrap(fromHex(token)));
      const used = inUse();
      fromClient!.destroy();
      return [used, inUse()];
    };
    const alone = opened(right);
    expect(alone[0]).toBeGreaterThan(0);
    expect(opened(wrong)).toEqual([0, 0]);
    expect(opened(wrong, right)).toEqual([alone[0], 0]);
  });

  test('makes no tokens', () => {
    const context = watched();
    expect([context.supports('private'), context.supports('confidential')]).toEqual([true, false]);
    expect(context.wrapSizeLimit('private', 1000)).toBe(0);
    expectCode(() => context.wrap(ascii('NOOP'), 'private'), 'security/no-key');
  });
});

describe('the ticket', () => {
  const service = mit.keytab[0]!;
  const observe = (...keys: readonly ServiceKey[]) => krb5Observer({ keys }).observe('client', mit.apReq);
  const wrong = { ...service, key: new Uint8Array(32) };

  test('is decrypted with a key without a principal', () => {
    expect(observe({ enctype: 18, key: service.key }).problem).toBeUndefined();
  });

  test('is decrypted with a key of another name or version if none of its own does', () => {
    const renamed = { ...service, principal: { ...service.principal, name: ['ftp', 'alias'] } };
    expect(observe(renamed).problem).toBeUndefined();
    expect(observe({ ...service, kvno: 9 }).problem).toBeUndefined();
    expect(observe(wrong, { enctype: 18, key: new Uint8Array(32) }, renamed).problem).toBeUndefined();
  });

  test('has facts that need no key, and a problem that lists the known keys', () => {
    for (const [keys, known] of [
      [[], 'none'],
      [[{ ...service, enctype: 17 }], 'ftp/aes256-sha1.example.test@EXAMPLE.TEST (enctype 17, key version 1)'],
      [[{ enctype: 25, key: new Uint8Array(16) }], 'any service (enctype 25, key version unknown)'],
    ] as const) {
      const { facts, problem, fromClient } = observe(...keys);
      expect(fromClient).toBeUndefined();
      expect(facts).toEqual({
        serverName: 'ftp/aes256-sha1.example.test@EXAMPLE.TEST',
        ticketEnctype: 18,
        ticketKvno: 1,
        mutual: true,
      });
      expect([problem?.code, problem?.message]).toEqual([
        'security/no-key',
        'no key for the ticket for ftp/aes256-sha1.example.test@EXAMPLE.TEST (enctype 18, key version 1) ' +
          `(known keys: ${known})`,
      ]);
    }
  });

  test('has a problem that names eight of the known keys, and counts the others', () => {
    const others = Array.from({ length: 11 }, (_, i) => ({ ...service, enctype: 17, kvno: i }));
    const listed = (count: number) => observe(...others.slice(0, count)).problem!.message;
    expect(listed(11)).toMatch(/key version 7\), 3 more\)$/);
    expect(listed(8)).toMatch(/key version 7\)\)$/);
  });

  test('has a problem if there are only keys of other names and versions', () => {
    const { problem } = observe({ ...wrong, kvno: 2 }, mit.keytab[1]!);
    // Until the first token shows that the key is right.
    expect(problem).toBeDefined();
    expect(problem?.message).toBe(
      'no key has the version number of the ticket for ftp/aes256-sha1.example.test@EXAMPLE.TEST (enctype 18, key ' +
        'version 1), and no other decrypts it (known keys: ' +
        'ftp/aes256-sha1.example.test@EXAMPLE.TEST (enctype 18, key version 2), ' +
        'host/aes256-sha1.example.test@EXAMPLE.TEST (enctype 18, key version 1))',
    );
  });

  test('has a problem with a wrong key, and so has the AP-REP after it', () => {
    const observer = krb5Observer({ keys: [wrong] });
    const { problem } = observer.observe('client', mit.apReq);
    expect(problem?.code).toBe('security/bad-checksum');
    expect(observer.observe('server', mit.apRep!)).toMatchObject({ problem, facts: { ticketEnctype: 18 } });
  });

  test('is decrypted even if another key has a wrong length', () => {
    const short = { ...service, key: new Uint8Array(5) };
    expect(observe(short).problem?.code).toBe('security/no-key');
    expect(observe(short, service).problem).toBeUndefined();
  });

  test('must have keys that are Uint8Arrays', () => {
    // @ts-expect-error: a caller without types
    expect(() => observe({ enctype: 18, key: 'secret' })).toThrow(TypeError);
    for (const keys of [undefined, 'secret', new Uint8Array(32)])
      expect(() => krb5Observer({ keys: keys as never })).toThrow(/^keys must .*parseKeytab/);
  });
});

/** An exchange of ours with a recorded ticket, without parts that every implementation sends. */
function forge(
  change: {
    apOptions?: number;
    ticket?: Partial<EncTicketPart>;
    authenticator?: (whole: Authenticator) => Authenticator;
    etype?: number;
  },
  answer?: Partial<EncApRepPart>,
): { request: Uint8Array; answer: Uint8Array; opened: OpenedApReq } {
  const message = requestOf(mit);
  const opened = openApReq(message, mit.keytab);
  const service = kerberosKey(18, mit.keytab[0]!.key);
  const session = kerberosKey(18, opened.ticket.key.keyvalue);
  const ticketPart = { ...opened.ticket, ...change.ticket };
  const inside = change.authenticator?.(opened.authenticator) ?? opened.authenticator;
  const { encPart } = message.ticket;
  const sealed = service.encrypt(USAGE.ticket, formatDer(encTicketPart, ticketPart));
  const request: ApReq = {
    ...message,
    apOptions: change.apOptions ?? message.apOptions,
    ticket: { ...message.ticket, encPart: { ...encPart, cipher: sealed } },
    authenticator: {
      etype: change.etype ?? 18,
      cipher: session.encrypt(USAGE.authenticator, formatDer(authenticatorSchema, inside)),
    },
  };
  const { ctime, cusec } = inside;
  const part = formatDer(encApRepPart, { ctime, cusec, ...answer });
  const reply: ApRep = { pvno: 5, msgType: 15, encPart: { etype: 18, cipher: session.encrypt(USAGE.apRep, part) } };
  return {
    request: formatContextToken({ kind: 'AP-REQ', message: request }),
    answer: formatContextToken({ kind: 'AP-REP', message: reply }),
    opened,
  };
}

describe('without optional parts, an exchange is observed:', () => {
  test('no subkeys and sequence numbers: the session key is used, and numbers start at zero', () => {
    const bare = ({ subkey, seqNumber, ...rest }: Authenticator) => rest;
    const { request, answer, opened } = forge({ authenticator: bare });
    const observer = krb5Observer({ keys: mit.keytab });
    observer.observe('client', request);
    const { facts, fromClient, fromServer } = observer.observe('server', answer);
    expect(facts).toMatchObject({ enctype: 18, keyFrom: 'session key' });
    const peer = (role: 'initiator' | 'acceptor') => {
      const { keyvalue: key } = opened.ticket.key;
      return krb5Context({ role, enctype: 18, key, acceptorSubkey: false, sendSequence: 0, receiveSequence: 0 });
    };
    const text = Uint8Array.of(1, 2, 3);
    for (const [opens, sender] of [
      [fromClient, peer('initiator')],
      [fromServer, peer('acceptor')],
    ] as const) {
      expect(opens?.unwrap(sender.wrap(text, 'safe').token)).toEqual({
        plaintext: text,
        level: 'safe',
        sequence: 'ok',
      });
    }
  });

  test('no checksum: flags are unknown, and MUTUAL-REQUIRED decides', () => {
    const bare = ({ cksum, ...rest }: Authenticator) => rest;
    const { request } = forge({ authenticator: bare });
    const { facts, fromClient } = krb5Observer({ keys: mit.keytab }).observe('client', request);
    expect([facts['flags'], facts['mutual'], fromClient]).toEqual([undefined, true, undefined]);
    const atOnce = krb5Observer({ keys: mit.keytab }).observe(
      'client',
      forge({ apOptions: 0, authenticator: bare }).request,
    );
    expect([atOnce.facts.enctype, atOnce.fromServer?.mechanism]).toEqual([18, 'GSSAPI']);
    const other = forge({
      authenticator: whole => ({ ...whole, cksum: { cksumtype: 7, checksum: new Uint8Array() } }),
    });
    expect(krb5Observer({ keys: mit.keytab }).observe('client', other.request).problem).toBeUndefined();
  });

  test('no MUTUAL-REQUIRED but the flag mutual: an AP-REP may follow', () => {
    const step = krb5Observer({ keys: mit.keytab }).observe('client', forge({ apOptions: 0 }).request);
    expect([step.problem, step.fromClient, step.facts['mutual']]).toEqual([undefined, undefined, true]);
  });

  test('no flag mutual but MUTUAL-REQUIRED in the clear: there are contexts after the AP-REQ', () => {
    const flags = GSS_FLAGS.replay | GSS_FLAGS.conf | GSS_FLAGS.integ;
    const cksum = {
      cksumtype: 0x8003,
      checksum: formatGssChecksum({ bindings: new Uint8Array(16), flags }),
    };
    const { request } = forge({ apOptions: 2 ** 29, authenticator: whole => ({ ...whole, cksum }) });
    const { facts, fromClient, fromServer } = krb5Observer({ keys: mit.keytab }).observe('client', request);
    expect([facts['mutual'], fromClient?.mechanism, fromServer?.mechanism]).toEqual([false, 'GSSAPI', 'GSSAPI']);
  });

  test('start and renewal times of the ticket are reported if present', () => {
    const { request } = forge({ ticket: { starttime: 1795342900, renewTill: 1800000000 } });
    const { facts } = krb5Observer({ keys: mit.keytab }).observe('client', request);
    expect(facts).toMatchObject({ startTime: '2026-11-22T10:21:40Z', renewTill: '2027-01-15T08:00:00Z' });
  });
});

describe('the key of the messages, and whether it is weak:', () => {
  const factsOf = (file: string, name?: string) => watch(exchangeOf(file, name)).facts;

  test('with RC4 and triple DES of MIT Kerberos, the AP-REP repeats the initiator’s subkey', () => {
    for (const [file, enctype] of [
      ['krb5-mit-arcfour-hmac-md5', 23],
      ['krb5-mit-des3-cbc-sha1', 16],
    ] as const) {
      expect(factsOf(file)).toMatchObject({ enctype, weak: true, keyFrom: 'initiator subkey' });
    }
  });

  test('with Camellia, it is the acceptor’s subkey', () => {
    const facts = factsOf('krb5-mit-camellia128-cts-cmac');
    expect(facts).toMatchObject({ enctype: 25, weak: false, keyFrom: 'acceptor subkey' });
  });

  test('an RC4 ticket upgraded to AES by the acceptor is not weak in its messages', () => {
    const upgraded = factsOf('krb5-mit-upgrade-arcfour');
    expect(upgraded).toMatchObject({ ticketEnctype: 23, enctype: 18, weak: false, keyFrom: 'acceptor subkey' });
    const notAsked = factsOf('krb5-mit-upgrade-arcfour', ', no-mutual');
    expect(notAsked).toMatchObject({ ticketEnctype: 23, enctype: 23, weak: true, keyFrom: 'initiator subkey' });
  });
});

describe('an exchange has a problem with', () => {
  test('a ticket whose cipher is missing', () => {
    const { keytab, apReq } = exchangeOf('krb5-mit-des3-cbc-sha1');
    const { problem, facts } = krb5Observer({ keys: keytab }).observe('client', apReq);
    expect([problem?.code, facts['ticketEnctype']]).toEqual(['security/no-key', 16]);
    expect(problem?.message).toContain('cipher');
  });

  const problem = (token: Uint8Array) => krb5Observer({ keys: mit.keytab }).observe('client', token).problem?.code;

  test('a session key of an unsupported enctype or a wrong length', () => {
    const key = { keytype: 99, keyvalue: new Uint8Array(32) };
    expect(problem(forge({ ticket: { key }, etype: 99 }).request)).toBe('security/no-key');
    expect(problem(forge({ ticket: { key: { keytype: 18, keyvalue: new Uint8Array(3) } } }).request)).toBe(
      'security/no-key',
    );
  });

  test('an authenticator of another enctype than its key', () => {
    expect(problem(forge({ etype: 17 }).request)).toBe('security/bad-token');
  });

  test('a malformed authenticator, also where the session key alone is known', () => {
    const { opened } = forge({});
    const { keyvalue } = opened.ticket.key;
    const message = requestOf(mit);
    const cipher = kerberosKey(18, keyvalue).encrypt(USAGE.authenticator, ascii('no DER'));
    const token = formatContextToken({ kind: 'AP-REQ', message: { ...message, authenticator: { etype: 18, cipher } } });
    expect(problem(token)).toBe('security/bad-token');
    const observer = krb5Observer({ keys: [{ enctype: 18, key: keyvalue }] });
    expect(observer.observe('client', token).problem?.code).toBe('security/bad-token');
  });

  test('a ticket for which there is no key is refused where no observer goes on', () => {
    expectCode(() => openApReq(requestOf(mit), []), 'security/no-key');
  });

  test('a malformed checksum of type 0x8003', () => {
    const cksum = { cksumtype: 0x8003, checksum: new Uint8Array(3) };
    expect(problem(forge({ authenticator: whole => ({ ...whole, cksum }) }).request)).toBe('security/bad-token');
  });

  test('a subkey of an unsupported enctype', () => {
    const observer = krb5Observer({ keys: mit.keytab });
    const { request, answer } = forge({}, { subkey: { keytype: 99, keyvalue: new Uint8Array(32) } });
    observer.observe('client', request);
    const step = observer.observe('server', answer);
    expect([step.problem?.code, step.fromClient]).toEqual(['security/no-key', undefined]);
    expect(step.facts).toMatchObject({ enctype: 99, weak: false });
  });
});
