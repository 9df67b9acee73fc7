/** The exchange with the security data of MIT's libkrb4 and gssftp: each side of ours where one of theirs was. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeBase64 } from '../../../src/base64.js';
import { fromHex, toHex, u32be } from '../../../src/bytes.js';
import { verifyRecording } from '../../../src/capture/index.js';
import { openApReq, parseApReq } from '../../../src/mechanisms/krb4/ap-req.js';
import { desKey, pcbcDecrypt } from '../../../src/mechanisms/krb4/crypto.js';
import {
  krb4,
  krb4Acceptor,
  krb4Initiator,
  krb4Observer,
  parseSrvtab,
  parseTicketFile,
  ReplayCache,
} from '../../../src/mechanisms/krb4/index.js';
import { ascii, errorOf } from '../../helpers.js';
import { acceptor, answerOf, initiator, requestOf, step } from './exchanges.js';
import { address, ciphers, keyOf, ticketFileOf, VECTORS } from './vectors.js';

describe.each(VECTORS.ap_req)('with libkrb4, for $service, key version $kvno', vector => {
  it('the acceptor accepts its AP_REQ, and its answer is the same octet for octet', () => {
    const { token, context, facts } = step(acceptor({}, vector), requestOf(vector));
    expect(toHex(token!)).toBe(vector.mutual_reply_safe);
    expect(context?.mechanism).toBe('KERBEROS_V4');
    expect(facts).toEqual({
      weak: true,
      weakness: expect.stringContaining('single DES'),
      realm: vector.realm,
      ticketKvno: vector.kvno,
      clientName: `${vector.client}${vector.client_instance && '.adm'}@${vector.client_realm}`,
      serverName: `${vector.service}.${vector.instance}@${vector.realm}`,
      startTime: '2026-11-22T10:19:48Z',
      endTime: '2026-11-22T18:19:48Z',
      clientAddress: '127.0.0.1',
      clientTime: '2026-11-22T10:19:48Z',
    });
  });

  it.each([false, true])('the initiator makes its AP_REQ, but for the fraction of the second (file %s)', order => {
    const tickets = parseTicketFile(ticketFileOf(vector, order));
    const { token, facts } = step(initiator({ tickets }, vector));
    const [ours, theirs] = [parseApReq(token!), parseApReq(requestOf(vector))];
    expect({ ...ours, authenticator: 0 }).toEqual({ ...theirs, authenticator: 0 });
    const session = desKey(fromHex(vector.session_key), ciphers);
    const plaintexts = [ours, theirs].map(({ authenticator }) => pcbcDecrypt(session, authenticator));
    const { padding } = openApReq(theirs, [keyOf(vector)], ciphers).authenticator;
    for (const plaintext of plaintexts)
      plaintext.fill(0, plaintext.length - padding).fill(0, -padding - 5, -padding - 4);
    expect(plaintexts[0]).toEqual(plaintexts[1]);
    expect(facts).toMatchObject({ weak: true, serverName: expect.stringContaining(vector.service) });
  });

  it('the initiator accepts its answer', () => {
    const exchange = initiator({}, vector);
    expect(step(exchange)).not.toHaveProperty('context');
    const { context, token } = step(exchange, answerOf(vector));
    expect([context?.mechanism, token]).toEqual(['KERBEROS_V4', undefined]);
  });

  it('an AP_REQ changed in any bit before its last block is refused', () => {
    const request = requestOf(vector);
    for (let bit = 0; bit < 8 * (request.length - 8); bit++) {
      const changed = Uint8Array.from(request, (octet, i) => (i === bit >> 3 ? octet ^ (0x80 >> (bit & 7)) : octet));
      errorOf(() => step(acceptor({}, vector), changed));
    }
  });

  it('an answer changed in any bit is refused', () => {
    const answer = answerOf(vector);
    for (let bit = 0; bit < 8 * answer.length; bit++) {
      const exchange = initiator({}, vector);
      step(exchange);
      const changed = Uint8Array.from(answer, (octet, i) => (i === bit >> 3 ? octet ^ (0x80 >> (bit & 7)) : octet));
      errorOf(() => step(exchange, changed));
    }
  });
});

describe('with gssftp, as recorded', () => {
  const file = (kind: string) =>
    readFileSync(new URL(`../../../vectors/captures/gssftp163-krb4-private.${kind}`, import.meta.url));
  const srvtab = parseSrvtab(file('srvtab'));
  const mechanisms = [krb4({ observer: { keys: srvtab, ciphers } })];
  const lines = verifyRecording(file('pcap'), { mechanisms }).records.filter(record => record.type === 'message');
  const dataOf = (verb: string) => {
    const { text } = lines.find(line => line.text?.startsWith(verb))!;
    return decodeBase64(ascii(text!.slice(verb.length)));
  };
  const [request, answer] = [dataOf('ADAT '), dataOf('235 ADAT=')];
  const ends = {
    client: { address: address('10.77.0.1'), port: 46_866 },
    server: { address: address('10.77.0.2'), port: 12_236 },
  };
  // 5-millisecond units and seconds of the answer.
  const clock = () => 0x6b02cc1e * 1000 + answer[10]! * 5;
  const both = { ciphers, clock, allowWeak: true };

  it('the acceptor answers the client as the server did, and its context unwraps the client’s messages', () => {
    const replayCache = new ReplayCache();
    const exchange = krb4Acceptor({ ...both, srvtab, replayCache, local: ends.server, peer: ends.client });
    const { token, context, facts } = step(exchange, request);
    expect(toHex(token!)).toBe(toHex(answer));
    // The ticket server moved the start back, to come to 24 hours with a life of the table.
    expect(facts).toMatchObject({ startTime: '2026-11-22T09:37:36Z', endTime: '2026-11-23T11:03:57Z' });
    const sent = lines.filter(({ from, verdict }) => from === 'client' && verdict === 'verified');
    expect(sent.length).toBeGreaterThan(20);
    const tokens = tokensOf('client', sent);
    expect(tokens.map(one => toHex(context!.unwrap(one).plaintext))).toEqual(sent.map(line => line.plain_hex));
  });

  it('the initiator, with the ticket file, accepts the answer and unwraps the server’s messages', () => {
    const { ticket, authenticator } = openApReq(parseApReq(request), srvtab, ciphers);
    const { kvno, ticket: sealed } = parseApReq(request);
    const { name, instance, realm } = srvtab[0]!;
    const { sessionKey, life, issued } = ticket;
    const credentials = [{ name, instance, realm, sessionKey, life, kvno, ticket: sealed, issued }];
    const exchange = krb4Initiator({
      ...both,
      tickets: { name: 'ftptester', instance: '', credentials },
      service: { name, instance, realm },
      random: () => u32be(authenticator.checksum),
      local: ends.client,
      peer: ends.server,
    });
    const ours = openApReq(parseApReq(step(exchange).token!), srvtab, ciphers);
    expect(ours.ticket).toEqual(ticket);
    expect(ours.authenticator).toEqual(authenticator);
    const { context } = step(exchange, answer);
    const sent = lines.filter(({ from, verdict }) => from === 'server' && verdict === 'verified');
    const tokens = tokensOf('server', sent);
    expect(tokens.map(one => toHex(context!.unwrap(one).plaintext))).toEqual(sent.map(line => line.plain_hex));
  });

  /**
   * The tokens of one side's lines, again from the capture: without a key they show their tokens nowhere else. Those of data
   * connections are opened between them, and left out.
   */
  function tokensOf(from: 'client' | 'server', sent: readonly { plain_hex: string | null }[]): Uint8Array[] {
    const tokens: Uint8Array[] = [];
    const spy = (name: 'fromClient' | 'fromServer') => ({
      observe: (...seen: Parameters<ReturnType<typeof krb4Observer>['observe']>) => {
        const step = observer.observe(...seen);
        const context = step[name];
        if (context === undefined) return step;
        const unwrap = (token: Uint8Array) => {
          const unwrapped = context.unwrap(token);
          if (toHex(unwrapped.plaintext) === sent[tokens.length]?.plain_hex) tokens.push(token);
          return unwrapped;
        };
        return { ...step, [name]: { supports: () => true, unwrap } };
      },
    });
    const observer = krb4Observer({ keys: srvtab, ciphers });
    const watched = [{ ...krb4(), observer: () => spy(from === 'client' ? 'fromClient' : 'fromServer') }];
    verifyRecording(file('pcap'), { mechanisms: watched as never });
    return tokens;
  }
});
